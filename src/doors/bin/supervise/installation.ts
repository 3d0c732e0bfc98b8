import { join, resolve } from 'node:path';
import { DEVELOPMENT_TENANT, type Settings } from '../../../base/config/index.ts';
import { openPool } from '../../../base/db/index.ts';
import { type Clock, ConfigurationError, Transient } from '../../../base/kernel/index.ts';
import type { Role, StartFlags } from '../../cli/index.ts';
import {
  type AnvilNode,
  answersPostgres,
  type BlockMaker,
  isPortFree,
  isRunning,
  type PostgresServer,
  type ProcessIdentity,
  rpcCall,
  startPostgres,
} from '../../dev/index.ts';
import type { Orders } from '../roles/role.ts';
import { ensureAccess, type LocalKeys } from './access.ts';
import {
  ChainLost,
  checkChain,
  DEVELOPMENT_LANES,
  makeBlocks,
  prepareChain,
  startChain,
} from './chain.ts';
import {
  databaseVariables,
  developmentConfig,
  type judgeDatabases,
  readEverything,
  roleEnvironment,
} from './configuration.ts';
import { type Databases, databasesOf, migrateBoth, startServer } from './database/databases.ts';
import { releaseDead } from './database/dead-leases.ts';
import { KeptServer } from './database/kept-server.ts';
import { sealingKey } from './state/sealing-key.ts';
import { statePath, writePrivate } from './state/state-files.ts';
import type { Terminal } from './terminal.ts';

export type StartOptions = Omit<StartFlags, 'stateDir'> & { stateDir: string };

const DEFAULT_HTTP = { host: '127.0.0.1', port: 8080 };

type InstallationContext = {
  env: NodeJS.ProcessEnv;
  terminal: Terminal;
  clock: Clock;
  adoptLanes(settings: Settings): Promise<string[]>;
  ended: AbortSignal;
  /** A server is another process now. */
  changed(): void;
  /** The installation can not go on. */
  fatal(error: unknown): void;
};

/** What the processes stand on: databases, chain, configuration, keys. Made by prepare(), in order. */
export class Installation {
  readonly #options: StartOptions;
  readonly #context: InstallationContext;
  #postgres: KeptServer<PostgresServer> | null = null;
  #anvil: KeptServer<AnvilNode> | null = null;
  #blocks: BlockMaker | null = null;
  #databases: Databases | null = null;
  #configFile = '';
  #settings: Settings | null = null;
  #keys: LocalKeys | null = null;

  constructor(options: StartOptions, context: InstallationContext) {
    this.#options = options;
    this.#context = context;
  }

  get databases(): Databases {
    return made(this.#databases);
  }

  get settings(): Settings {
    return made(this.#settings);
  }

  get configFile(): string {
    return this.#configFile;
  }

  get keys(): LocalKeys {
    return made(this.#keys);
  }

  /** Each step may be repeated: a start that is broken off at any point is simply made again. */
  async prepare(named: ReturnType<typeof judgeDatabases>): Promise<void> {
    const { config } = this.#options;
    if (config === null) await this.#checkPort(this.#httpFlags());
    await this.#startDatabases(named);
    await this.#step(
      'bringing the databases up to date',
      () => migrateBoth(this.databases, named === null),
      (names) => (names.length === 0 ? null : `applied ${names.length} migrations`),
    );
    if (config === null) await this.#startDevelopmentChain();
    else this.#configFile = resolve(config);
    this.#settings = readEverything(this.#configFile, this.#context.env, this.databases);
    if (config !== null) await this.#checkPort(this.http());
    await this.#openBooks();
    await this.#adoptLanes();
  }

  /** Where it can not be done, the leases run out by themselves. */
  async releaseLeasesOf(pids: readonly number[]): Promise<void> {
    const { clock, ended: signal } = this.#context;
    await releaseDead(this.databases.url, pids, { clock, signal });
  }

  /** Where the API is to listen. */
  http(): { host: string; port: number } {
    const { host, port } = this.#options;
    return { host: host ?? this.settings.http.host, port: port ?? this.settings.http.port };
  }

  /** May be asked for before prepare(). */
  environmentOf(role: Role): NodeJS.ProcessEnv {
    return roleEnvironment(role, this.#context.env, this.#options.config);
  }

  ordersOf(role: Role, port: number | null): Orders {
    const env = databaseVariables(role, this.databases);
    const common = ['--config', this.#configFile];
    if (role !== 'api') return { args: common, env };
    const { host, port: wanted } = this.http();
    return { args: [...common, '--port', String(port ?? wanted), '--host', host], env };
  }

  logOf(role: Role): string {
    return join(this.#options.stateDir, 'logs', `${role}.log`);
  }

  serverPids(): { postgres: number | null; anvil: Record<string, number> } {
    const node = this.#anvil?.server;
    const chain = this.settings.chains.find(({ chainId }) => chainId === node?.chainId);
    return {
      postgres: this.#postgres?.server.pid ?? null,
      anvil: node === undefined || chain === undefined ? {} : { [chain.id]: node.pid },
    };
  }

  async stopKeeping(): Promise<void> {
    this.#blocks?.stop();
    await Promise.all([this.#anvil?.stop(), this.#postgres?.stop()]);
  }

  async stopServers(): Promise<void> {
    await Promise.all([this.#anvil?.server.stop(), this.#postgres?.server.stop()]);
  }

  /** At once: the chain loses its last second, PostgreSQL recovers at its next start. */
  killServers(): void {
    const kill = (server: ProcessIdentity | undefined, signal: NodeJS.Signals) => {
      if (server === undefined || !isRunning(server)) return;
      process.kill(server.pid, signal);
    };
    kill(this.#anvil?.server, 'SIGKILL');
    kill(this.#postgres?.server, 'SIGQUIT');
  }

  #httpFlags(): { host: string; port: number } {
    const { host, port } = this.#options;
    return { host: host ?? DEFAULT_HTTP.host, port: port ?? DEFAULT_HTTP.port };
  }

  async #checkPort({ host, port }: { host: string; port: number }): Promise<void> {
    const local = ['127.0.0.1', 'localhost', '0.0.0.0'].includes(host);
    if (port === 0 || !local || !this.#options.roles.includes('api')) return;
    if (await isPortFree(port)) return;
    throw new ConfigurationError(
      `port ${port} for the API is taken by another process: end that or choose another with --port`,
    );
  }

  async #startDatabases(named: ReturnType<typeof judgeDatabases>): Promise<void> {
    if (named !== null) {
      this.#databases = named;
      return;
    }
    const { stateDir } = this.#options;
    const server = await this.#step(
      'starting PostgreSQL',
      () => startServer(stateDir),
      ({ port, adopted }) => `PostgreSQL ${adopted ? 'was running' : 'runs'} on port ${port}`,
    );
    this.#databases = databasesOf(server);
    this.#postgres = new KeptServer({
      ...this.#keeping('PostgreSQL'),
      server,
      restart: (dead) => startPostgres({ stateDir, port: dead.port }),
      answers: ({ port }) => answersPostgres(port),
    });
    this.#postgres.start();
  }

  async #startDevelopmentChain(): Promise<void> {
    const { stateDir } = this.#options;
    const { terminal } = this.#context;
    const { url } = this.databases;
    const node = await this.#step(
      'starting the development chain',
      async () => {
        const started = await startChain(stateDir);
        const behind = await checkChain(started, url, stateDir);
        if (behind !== null) terminal.say(`! ${behind}`);
        return started;
      },
      ({ port, adopted, chainId }) =>
        `chain ${chainId} ${adopted ? 'was running' : 'runs'} on port ${port}`,
    );
    this.#anvil = new KeptServer({
      ...this.#keeping('the chain'),
      server: node,
      restart: async (dead) => {
        await dead.stop();
        const again = await startChain(stateDir, dead.port);
        const behind = await checkChain(again, url, stateDir);
        if (behind !== null) terminal.say(`! ${behind}`);
        return again;
      },
      answers: async ({ url }) => (await rpcCall(url, 'eth_blockNumber', [])) !== null,
    });
    this.#anvil.start();
    this.#blocks = makeBlocks(node, this.#context.clock);
    const token = await this.#step(
      'deploying the token and funding the lanes',
      () => prepareChain(node, stateDir),
      () => 'the token is deployed, the lanes have funds',
    );
    this.#configFile = statePath(stateDir, 'config');
    const http = this.#httpFlags();
    const audit = sealingKey(stateDir);
    const lanes = DEVELOPMENT_LANES;
    const text = developmentConfig({ rpcUrl: node.url, token, lanes, http, audit });
    writePrivate(this.#configFile, text);
  }

  #keeping(name: string) {
    const { clock, terminal, changed, fatal } = this.#context;
    return {
      name,
      clock,
      changed,
      fatal,
      say: (line: string) => terminal.say(line),
      isFatal: (error: unknown) => error instanceof ChainLost,
    };
  }

  async #openBooks(): Promise<void> {
    const { stateDir } = this.#options;
    const first = this.settings.lanes[0]?.tenant ?? DEVELOPMENT_TENANT;
    const url = this.databases.url;
    const db = openPool({ url, role: 'payonce_app', name: 'payonce-start', max: 2 });
    try {
      this.#keys = await this.#step(
        'opening the books',
        () => ensureAccess(db, stateDir, this.settings, first),
        (keys) => (keys.made ? `tenant ${first} has its API keys` : null),
      );
    } finally {
      await db.end();
    }
  }

  async #adoptLanes(): Promise<void> {
    try {
      await this.#step(
        'taking the lanes into the books',
        () => this.#context.adoptLanes(this.settings),
        (lines) => (lines.length === 0 ? null : lines.join('\n    ')),
      );
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      // Requests are taken and wait while a chain is away; the worker tries its lanes again.
      this.#context.terminal.say(
        `! a chain does not answer, its withdrawals wait: ${error.message}`,
      );
    }
  }

  async #step<T>(
    title: string,
    work: () => Promise<T>,
    told: (value: T) => string | null,
  ): Promise<T> {
    this.#context.ended.throwIfAborted();
    return this.#context.terminal.step(title, work, told);
  }
}

function made<T>(part: T | null): T {
  if (part === null) throw new TypeError('asked for before prepare() has made it');
  return part;
}
