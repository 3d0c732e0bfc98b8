/**
 * What is measured, as it is operated: databases on a real PostgreSQL, a node, funded lanes, a tenant with
 * its key, and the role processes with a configuration file. Everything is local and temporary.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { privateKeyToAccount } from 'viem/accounts';
import { readSettings, type Settings } from '../src/base/config/index.ts';
import { type Db, migrate, openPool } from '../src/base/db/index.ts';
import { type Address, isRefusal } from '../src/base/kernel/index.ts';
import { createKey, createTenant } from '../src/books/access/index.ts';
import { adoptConfiguredLanes } from '../src/doors/bin/adopt.ts';
import {
  type AnvilNode,
  DEV_TOKEN_ADDRESS,
  ensureDatabase,
  type PostgresServer,
  PUBLIC_DEVELOPMENT_KEYS,
  removePostgres,
  startPostgres,
} from '../src/doors/dev/index.ts';
import { guard, release } from '../test/support/guard.ts';
import { startNode } from './node.ts';
import { PROFILE_SETTINGS, writeStatements } from './profile.ts';
import { type RoleName, RoleProcess } from './roles.ts';

/** Slots in flight of each lane: what the development chain takes, and what public nodes do with their defaults. */
export const WIDE_WINDOW = 4_096;
export const DEFAULT_WINDOW = 64;
const TENANT = 'bench';

/** The PostgreSQL server of the whole run, with its temporary folder. */
export type Server = { postgres: PostgresServer; folder: string; stop(): Promise<void> };

/** The development server's is small, for its restarts. */
const AS_IN_PRODUCTION = { max_wal_size: '4GB' };

/** With a folder for profiles, statements are counted and the server's log is kept there. */
export async function startServer(
  settings: Readonly<Record<string, string>>,
  profileDir: string | null,
): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'payonce-bench-'));
  const postgres = await startPostgres({
    stateDir: folder,
    settings: {
      ...AS_IN_PRODUCTION,
      ...(profileDir === null ? {} : PROFILE_SETTINGS),
      ...settings,
    },
  });
  const leftovers = [postgres.pid, folder, dirname(postgres.dataDir)];
  for (const what of leftovers) guard(what);
  return {
    postgres,
    folder,
    async stop() {
      await postgres.stop();
      if (profileDir !== null) copyFileSync(postgres.logFile, join(profileDir, 'postgres.log'));
      await removePostgres(folder);
      rmSync(folder, { recursive: true, force: true });
      for (const what of leftovers) release(what);
    },
  };
}

type StageOptions = {
  name: string;
  lanes: number;
  window: number;
  /** Without one the chain is configured and down, which intake does not mind. */
  chain: boolean;
  /** Where role processes write CPU profiles when they end. */
  profileDir: string | null;
  /** Stands before the node for the roles: gives the URL that they are told. */
  front?: (nodeUrl: string) => Promise<string>;
};

type Lane = { address: Address; keyId: string; privateKey: string };

export class Stage {
  readonly tenantId: string;
  readonly apiKey: string;
  readonly databaseUrl: string;
  readonly anvil: AnvilNode | null;
  readonly lanes: readonly Address[];
  /** The owner's connections: see everything. */
  readonly owner: Db;
  readonly #folder: string;
  readonly #configFile: string;
  readonly #environment: { DATABASE_URL: string; SIGNER_DATABASE_URL: string };
  readonly #profileDir: string | null;
  readonly #name: string;
  readonly #roles = new Map<string, RoleProcess>();

  private constructor(parts: {
    tenantId: string;
    apiKey: string;
    anvil: AnvilNode | null;
    lanes: readonly Address[];
    folder: string;
    configFile: string;
    environment: { DATABASE_URL: string; SIGNER_DATABASE_URL: string };
    profileDir: string | null;
    name: string;
  }) {
    this.tenantId = parts.tenantId;
    this.apiKey = parts.apiKey;
    this.anvil = parts.anvil;
    this.lanes = parts.lanes;
    this.databaseUrl = parts.environment.DATABASE_URL;
    this.#folder = parts.folder;
    this.#configFile = parts.configFile;
    this.#environment = parts.environment;
    this.#profileDir = parts.profileDir;
    this.#name = parts.name;
    this.owner = openPool({ url: this.databaseUrl, role: 'owner', name: 'payonce-bench', max: 2 });
  }

  /** As the roles read them. */
  settings(): Settings {
    return readSettings({ file: this.#configFile, env: this.#environment, need: { signer: true } });
  }

  /** Everything but the roles. */
  static async make(server: Server, options: StageOptions): Promise<Stage> {
    const { name, profileDir } = options;
    const folder = join(server.folder, name);
    mkdirSync(folder);
    const environment = await makeDatabases(server.postgres, name);
    const lanes = PUBLIC_DEVELOPMENT_KEYS.slice(1, 1 + options.lanes).map((privateKey, index) => ({
      address: privateKeyToAccount(privateKey).address.toLowerCase() as Address,
      keyId: `lane-${index + 1}`,
      privateKey,
    }));
    const anvil = options.chain ? await startNode(folder, lanes) : null;
    const nodeUrl = anvil?.url ?? 'http://127.0.0.1:9';
    const rpcUrl = options.front === undefined ? nodeUrl : await options.front(nodeUrl);
    const configFile = join(folder, 'config.yaml');
    // JSON is YAML.
    writeFileSync(configFile, JSON.stringify(configOf(rpcUrl, lanes, options.window), null, 2));
    const access = await makeAccess(environment.DATABASE_URL);
    if (anvil !== null) {
      const settings = readSettings({ file: configFile, env: environment, need: { signer: true } });
      await adoptConfiguredLanes(settings);
    }
    const addresses = lanes.map((lane) => lane.address);
    return new Stage({
      ...access,
      anvil,
      lanes: addresses,
      folder,
      configFile,
      environment,
      profileDir,
      name,
    });
  }

  /** Several processes of the api role share nothing but the database, as pods do. */
  async startApis(count: number): Promise<void> {
    for (let n = 1; n <= count; n += 1) await this.startRole('api', n);
  }

  apiPorts(): number[] {
    return this.#apis().map((role) => role.port);
  }

  apiMeters(): Record<string, { pid: number }> {
    return Object.fromEntries(
      this.#apis().map(({ pid }, index) => [keyOf('api', index + 1), { pid }]),
    );
  }

  #apis(): RoleProcess[] {
    return [...this.#roles.values()].filter((role) => role.name === 'api');
  }

  async startRole(name: RoleName, n = 1): Promise<void> {
    const role = await RoleProcess.start({
      name,
      configFile: this.#configFile,
      // The signer alone may see its database.
      env: name === 'signer' ? this.#environment : { DATABASE_URL: this.#environment.DATABASE_URL },
      logFile: join(this.#folder, `${keyOf(name, n)}.log`),
      profileDir: this.#profileDir,
    });
    this.#roles.set(keyOf(name, n), role);
  }

  role(name: RoleName): RoleProcess {
    const role = this.#roles.get(name);
    if (role === undefined) throw new Error(`the ${name} is not running`);
    return role;
  }

  async stopRoles(): Promise<void> {
    await Promise.all([...this.#roles.values()].map((role) => role.stop()));
    this.#roles.clear();
  }

  /** The last lines that every role wrote, for a message of a failure. */
  lastWords(): string {
    return [...this.#roles.values()].map((role) => role.lastWords()).join('\n');
  }

  /** Ends everything of this stage; its databases end with the server. */
  async stop(): Promise<void> {
    if (this.#profileDir !== null) await writeStatements(this.owner, this.#profileDir, this.#name);
    await this.stopRoles();
    await this.owner.end();
    if (this.anvil === null) return;
    await this.anvil.stop();
    release(this.anvil.pid);
  }
}

async function makeDatabases(postgres: PostgresServer, name: string) {
  const main = `main_${name.replaceAll('-', '_')}`;
  const signer = `signer_${name.replaceAll('-', '_')}`;
  for (const database of [main, signer]) await ensureDatabase(postgres.url('postgres'), database);
  await migrate(postgres.localUrl(main), 'main');
  await migrate(postgres.localUrl(signer), 'signer');
  return { DATABASE_URL: postgres.localUrl(main), SIGNER_DATABASE_URL: postgres.localUrl(signer) };
}

async function makeAccess(databaseUrl: string): Promise<{ tenantId: string; apiKey: string }> {
  const db = openPool({ url: databaseUrl, role: 'payonce_app', name: 'payonce-bench', max: 1 });
  try {
    const tenant = await createTenant(db, { name: TENANT });
    if (isRefusal(tenant)) throw new Error(tenant.detail);
    const scopes = ['withdrawals:*', 'ledger:credit', 'ledger:read'];
    const key = await createKey(db, { tenantId: tenant.tenantId, name: 'bench', scopes });
    if (isRefusal(key)) throw new Error(key.detail);
    return { tenantId: tenant.tenantId, apiKey: key.key };
  } finally {
    await db.end();
  }
}

/** As the local start has it, but for the demonstration's parts. */
function configOf(rpcUrl: string, lanes: readonly Lane[], window: number) {
  return {
    database: { url: { env: 'DATABASE_URL' } },
    signer: {
      database: { url: { env: 'SIGNER_DATABASE_URL' } },
      keys: lanes.map(({ keyId, privateKey }) => ({ id: keyId, development: { privateKey } })),
    },
    http: { host: '127.0.0.1', port: 0 },
    chains: [
      {
        id: 'local',
        chainId: 31337,
        rpc: [{ url: rpcUrl, roles: ['read', 'send'] }],
        window,
        fees: { maxFeePerGasGwei: '50', minPriorityFeePerGasGwei: '1' },
        finality: { tag: 'finalized' },
        pollMs: 250,
      },
    ],
    assets: [
      {
        id: 'USDC',
        chain: 'local',
        address: DEV_TOKEN_ADDRESS,
        decimals: 6,
        minimum: '1',
        fee: '0.5',
        eip712: { name: 'USD Coin', version: '2' },
        tiers: [{ name: 'low', upTo: '1000', commitAt: 'safe' }],
      },
    ],
    lanes: lanes.map(({ address, keyId }) => ({
      chain: 'local',
      address,
      key: keyId,
      tenant: TENANT,
    })),
  };
}

/** `api`, `api 2`, … */
function keyOf(name: RoleName, n: number): string {
  return n === 1 ? name : `${name} ${n}`;
}
