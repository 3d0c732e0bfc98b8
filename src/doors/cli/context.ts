import type { ChainPort } from '../../base/chain/index.ts';
import type { ChainSettings } from '../../base/config/index.ts';

/** Where text goes; process.stdout is one. */
export type Output = { write(text: string): unknown };

export const ROLES = ['api', 'worker', 'signer'] as const;
export type Role = (typeof ROLES)[number];

/** `payonce start`, as it was typed. */
export type StartFlags = {
  port: number | null;
  host: string | null;
  /** As typed, relative to the working folder; null: the project's own. */
  stateDir: string | null;
  fresh: boolean;
  demo: boolean;
  roles: readonly Role[];
  config: string | null;
};

/** What the command needs of dev.json. */
export type DevSources = {
  apiUrl: string;
  apiKey: string;
  /** For operators' routes; absent in files of older versions. */
  adminApiKey?: string;
  /** Null while no API runs; absent in files of older versions. */
  consoleUrl?: string | null;
  databaseUrl: string;
  signerDatabaseUrl: string;
  /** What it runs on; absent in files of older versions. */
  configFile?: string;
  /** What nodes there are; absent in files of older versions. */
  chains?: readonly { chainId: number; rpcUrls: readonly string[] }[];
};

/** What the command asks of the rooms beside it; bin makes it. */
export type CliDoors = {
  /** Null when the folder has none. Throws ConfigurationError when it can not be read. */
  readDevFile(stateDir: string): DevSources | null;
  /** Runs until it is told to stop; its exit code. */
  start(flags: StartFlags): Promise<number>;
  /** The facilitator that the environment describes; runs until it is told to stop. */
  facilitator(): Promise<number>;
  bench(args: readonly string[]): Promise<number>;
  /** The way to a chain's nodes. */
  portOf(chain: ChainSettings): ChainPort;
};

export type CliContext = {
  stdout: Output;
  stderr: Output;
  env: NodeJS.ProcessEnv;
  cwd: string;
  doors: CliDoors;
  /** Ends what waits (--wait, --watch). */
  signal?: AbortSignal;
};

/** What an action needs: its surroundings, and where it leaves the exit code when it is not 0. */
export type Run = CliContext & { end(code: number): void };

/** The exit codes of the contract. */
export const EXIT = { well: 0, failed: 1, usage: 2, unavailable: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An end with a line for stderr and an exit code of its own. */
export class CliEnd extends Error {
  override readonly name = 'CliEnd';
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
