import {
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import type { Address } from '../../base/kernel/index.ts';
import { ConfigurationError, messageOf } from '../../base/kernel/index.ts';
import { adoptAnvil, removeAnvil } from './anvil.ts';
import { adoptPostgres } from './postgres.ts';
import { removePostgres } from './postgres-files.ts';
import { isRunning, type ProcessIdentity, startTimeOf } from './process.ts';

/** dev.json: what a running local installation tells the command line and other programs. */
export type DevFile = {
  apiUrl: string;
  apiKey: string;
  adminApiKey: string;
  consoleUrl: string | null;
  metricsUrl: string | null;
  /** That the processes run on. */
  configFile: string;
  /** The owner's role, as signerDatabaseUrl. */
  databaseUrl: string;
  signerDatabaseUrl: string;
  chains: { id: string; chainId: number; rpcUrls: string[] }[];
  /** Address null: the native coin. */
  assets: { id: string; chain: string; address: Address | null; decimals: number }[];
  wallets: { chain: string; address: Address }[];
  merchantPayTo: Address | null;
  pids: {
    supervisor: number;
    api: number[];
    worker: number[];
    signer: number[];
    /** Null: a database that was named, not started. */
    postgres: number | null;
    /** By chain id. */
    anvil: Record<string, number>;
  };
};

const DEV_FILE = 'dev.json';
const INSTANCE_FILE = 'supervisor.json';

/** Makes the state folder (0700). Throws ConfigurationError when it is another user's or can't be made. */
export function claimStateDir(stateDir: string): void {
  const folder = resolve(stateDir);
  const uid = process.getuid?.();
  let found: ReturnType<typeof lstatSync>;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    found = lstatSync(folder);
  } catch (error) {
    throw new ConfigurationError(
      `the state folder ${folder} can not be made: ${messageOf(error)}; choose another with --state-dir`,
    );
  }
  if (!found.isDirectory() || (uid !== undefined && found.uid !== uid)) {
    throw new ConfigurationError(
      `the state folder ${folder} belongs to uid ${found.uid}, and this runs as uid ${uid}: start as its owner, remove it, or choose another with --state-dir`,
    );
  }
}

/** Replaces dev.json, readable by its owner only; a reader sees the old or the new one, never a part. */
export function writeDevFile(stateDir: string, dev: DevFile): void {
  writeByRename(join(stateDir, DEV_FILE), `${JSON.stringify(dev, null, 2)}\n`);
}

/** Null when there is none. Throws ConfigurationError when it can not be read. */
export function readDevFile(stateDir: string): DevFile | null {
  const file = join(resolve(stateDir), DEV_FILE);
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as DevFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new ConfigurationError(`${file} can not be read: ${messageOf(error)}`);
  }
}

export function removeDevFile(stateDir: string): void {
  rmSync(join(stateDir, DEV_FILE), { force: true });
}

/** The right to be the one supervisor of a state folder; ends with release() or with the process. */
type Instance = { release(): void };

type InstanceClaim =
  | { instance: Instance; running: null }
  /** Another supervisor is alive; apiUrl is null while it is still starting. */
  | { instance: null; running: { pid: number; apiUrl: string | null } };

/**
 * Takes the state folder for this process, or tells which other one has it. What a dead supervisor
 * left, its dev.json too, is removed.
 */
export function claimInstance(stateDir: string): InstanceClaim {
  claimStateDir(stateDir);
  const file = join(stateDir, INSTANCE_FILE);
  const mine = JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) });
  const offer = `${file}.${process.pid}`;
  writeFileSync(offer, mine, { mode: 0o600 });
  try {
    for (;;) {
      try {
        // A link appears with its whole content, and only when there is none: one of two wins.
        linkSync(offer, file);
        removeDevFile(stateDir);
        return { instance: { release: () => releaseInstance(file, mine) }, running: null };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const found = readText(file);
      const holder = parseIdentity(found);
      if (holder !== null && isRunning(holder)) {
        const dev = readDevFile(stateDir);
        const apiUrl = dev?.pids.supervisor === holder.pid ? dev.apiUrl : null;
        return { instance: null, running: { pid: holder.pid, apiUrl } };
      }
      removeStale(file, found);
    }
  } finally {
    rmSync(offer, { force: true });
  }
}

/** Only what was judged stale is removed: what another start put there in between is put back. */
function removeStale(file: string, judged: string | null): void {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
    if (readText(aside) !== judged) linkSync(aside, file);
  } catch {
    // Another start was quicker; the next round looks again.
  }
  rmSync(aside, { force: true });
}

function releaseInstance(file: string, mine: string): void {
  if (readText(file) === mine) rmSync(file, { force: true });
}

function parseIdentity(text: string | null): ProcessIdentity | null {
  try {
    return JSON.parse(text ?? '') as ProcessIdentity;
  } catch {
    return null;
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function writeByRename(file: string, text: string): void {
  const partial = `${file}.${process.pid}`;
  rmSync(partial, { force: true });
  writeFileSync(partial, text, { mode: 0o600 });
  renameSync(partial, file);
}

/**
 * Begins anew: ends the servers of this state folder and deletes their data, and nothing else that
 * may lie there. To be called by the holder of the instance only.
 */
export async function wipeState(stateDir: string, chainIds: readonly number[]): Promise<void> {
  removeDevFile(stateDir);
  await (await adoptPostgres(stateDir))?.stop();
  await removePostgres(stateDir);
  for (const chainId of chainIds) {
    await (await adoptAnvil(stateDir, chainId))?.stop();
    removeAnvil(stateDir, chainId);
  }
}
