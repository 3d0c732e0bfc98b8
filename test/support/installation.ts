import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { developmentSettings, type Settings } from '../../src/base/config/index.ts';
import { openPool } from '../../src/base/db/index.ts';
import {
  type Address,
  isRefusal,
  type Log,
  randomToken,
  silentLog,
} from '../../src/base/kernel/index.ts';
import { createKey, createTenant } from '../../src/books/access/index.ts';
import { adoptConfiguredLanes } from '../../src/doors/bin/chains.ts';
import { startApi } from '../../src/doors/bin/roles/api-role.ts';
import type { RoleHandle } from '../../src/doors/bin/roles/role.ts';
import { startSigner } from '../../src/doors/bin/roles/signer-role.ts';
import { startWorker, WORKER_ROLES } from '../../src/doors/bin/roles/worker-role.ts';
import type { TestAnvil } from './anvil.ts';
import { newAuditKey } from './audit-key.ts';
import { NO_TOKEN, startFundedChain } from './funded-chain.ts';
import { guard } from './guard.ts';
import { type TestDatabases, testDatabases } from './postgres.ts';

/** Blocks come five times a second, or when the test asks for them and waits for the walk to have seen each. */
const POLL_MS = 50;

const CLIENT_SCOPES = ['withdrawals:*', 'ledger:credit', 'ledger:read', 'events:read'] as const;

export type InstallationOptions = {
  lanes?: number;
  /** Seconds; fractions make finality quick. */
  blockTime?: number;
  slotsInEpoch?: number;
  /** A chain of an earlier time, which knows only its coin: the token is of a later one. */
  hardfork?: 'berlin';
  /** Seals what is written, signs the blocks and anchors them in its folder. */
  sealed?: boolean;
  /** In the place of a node of its own; it mines by itself, and is stopped with the installation. */
  node?: TestAnvil;
  settings?: (settings: Settings) => Settings | Promise<Settings>;
  /** What one role sees instead, such as its own wire to the database. */
  roleSettings?: (role: RoleName, settings: Settings) => Settings;
  log?: Log;
};

type RoleName = 'api' | 'signer' | 'worker';
export type TestKey = { key: string; keyId: string; tenantId: string };

export type Answer<Body = Record<string, unknown>> = {
  status: number;
  headers: Headers;
  body: Body;
};

/**
 * A whole installation in this process: real databases, a real node, api, worker and signer as their roles
 * start them. Each role can be stopped and started again.
 */
export class Installation {
  readonly settings: Settings;
  readonly databases: TestDatabases;
  readonly anvil: TestAnvil;
  readonly token: Address;
  readonly tenantId: string;
  readonly apiKey: string;
  /** The owner's connection: sees and may do everything. */
  readonly owner: pg.Pool;
  /** The witness's. */
  readonly folder: string;
  readonly #log: Log;
  readonly #settingsOf: (role: RoleName) => Settings;
  readonly #roles = new Map<string, RoleHandle>();
  url = '';

  private constructor(parts: {
    settings: Settings;
    folder: string;
    databases: TestDatabases;
    anvil: TestAnvil;
    token: Address;
    tenantId: string;
    apiKey: string;
    log: Log;
    settingsOf: (role: RoleName) => Settings;
  }) {
    this.settings = parts.settings;
    this.folder = parts.folder;
    this.databases = parts.databases;
    this.anvil = parts.anvil;
    this.token = parts.token;
    this.tenantId = parts.tenantId;
    this.apiKey = parts.apiKey;
    this.#log = parts.log;
    this.#settingsOf = parts.settingsOf;
    this.owner = openPool({ url: parts.databases.mainUrl, role: 'owner', name: 'test', max: 4 });
  }

  /** Everything but the roles. */
  static async make(options: InstallationOptions = {}): Promise<Installation> {
    const databases = await testDatabases();
    const { anvil, token, lanes } = await startFundedChain({
      lanes: options.lanes ?? 1,
      blockTime: options.blockTime ?? 0.2,
      slotsInEpoch: options.slotsInEpoch ?? 4,
      hardfork: options.hardfork,
      node: options.node,
    });
    const folder = mkdtempSync(join(tmpdir(), 'payonce-installation-'));
    guard(folder);
    const base = developmentSettings({
      witnessFile: join(folder, 'witness'),
      ...(options.sealed ? { audit: newAuditKey(folder) } : {}),
      databaseUrl: databases.mainUrl,
      signerDatabaseUrl: databases.signerUrl,
      rpcUrl: anvil.url,
      token,
      lanes,
    });
    base.assets = base.assets.filter(({ address }) => address !== NO_TOKEN);
    base.chains = base.chains.map((chain) => ({ ...chain, pollMs: POLL_MS }));
    const settings = (await options.settings?.(base)) ?? base;
    const db = openPool({ url: databases.mainUrl, role: 'payonce_app', name: 'test', max: 1 });
    const tenant = await createTenant(db, { name: 'demo' });
    if (isRefusal(tenant)) throw new Error(tenant.detail);
    const key = await createKey(db, {
      tenantId: tenant.tenantId,
      name: 'test',
      scopes: [...CLIENT_SCOPES, 'holds:clear', 'admin'],
    });
    if (isRefusal(key)) throw new Error(key.detail);
    await db.end();
    await adoptConfiguredLanes(settings);
    return new Installation({
      settings,
      folder,
      databases,
      anvil,
      token,
      tenantId: tenant.tenantId,
      apiKey: key.key,
      log: options.log ?? silentLog,
      settingsOf: (role) => options.roleSettings?.(role, settings) ?? settings,
    });
  }

  static async start(options: InstallationOptions = {}): Promise<Installation> {
    const installation = await Installation.make(options);
    await installation.startApi();
    await installation.startSigner();
    await installation.startWorker();
    return installation;
  }

  async startApi(): Promise<void> {
    const api = await startApi({
      settings: this.#settingsOf('api'),
      log: this.#log,
      port: 0,
      host: '127.0.0.1',
    });
    this.#roles.set('api', api);
    this.url = `http://127.0.0.1:${api.port}`;
  }

  async startSigner(): Promise<void> {
    this.#roles.set(
      'signer',
      await startSigner({ settings: this.#settingsOf('signer'), log: this.#log }),
    );
  }

  async startWorker(): Promise<void> {
    const worker = await startWorker({
      settings: this.#settingsOf('worker'),
      log: this.#log,
      roles: WORKER_ROLES,
      onMisfit(error) {
        throw error;
      },
    });
    this.#roles.set('worker', worker);
  }

  async stopRole(name: RoleName): Promise<void> {
    await this.#roles.get(name)?.stop();
    this.#roles.delete(name);
  }

  async stop(): Promise<void> {
    for (const name of ['api', 'worker', 'signer'] as const) await this.stopRole(name);
    await this.owner.end();
    await this.anvil.stop();
    await this.databases.drop();
    rmSync(this.folder, { recursive: true });
  }

  /** One request with the tenant's key. */
  async call<Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<Body>> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? {} : JSON.parse(text)) as Body,
    };
  }

  async deposit(account: string, asset: string, amount: string): Promise<void> {
    const reference = randomToken();
    const answer = await this.call(
      'POST',
      '/v1/deposits',
      { account, asset, amount, reference },
      { 'idempotency-key': reference },
    );
    if (answer.status !== 201)
      throw new Error(`deposit: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  withdraw(body: Record<string, unknown>, key = randomToken()): Promise<Answer> {
    return this.call('POST', '/v1/withdrawals', body, { 'idempotency-key': key });
  }

  /** The withdrawal once it is there, or has ended. */
  async waitFor(
    id: string,
    status = 'COMPLETED',
    timeoutMs = 60_000,
  ): Promise<Record<string, unknown>> {
    const answer = await this.call(
      'GET',
      `/v1/withdrawals/${id}?waitFor=${status}&timeoutMs=${timeoutMs}`,
    );
    return answer.body;
  }

  /** Another tenant with a key of its own. */
  async addTenant(name: string): Promise<TestKey> {
    const db = openPool({ url: this.databases.mainUrl, role: 'payonce_app', name: 'test', max: 1 });
    try {
      const tenant = await createTenant(db, { name });
      if (isRefusal(tenant)) throw new Error(tenant.detail);
      return await this.addKey({ tenantId: tenant.tenantId });
    } finally {
      await db.end();
    }
  }

  /** A further key, of the installation's tenant and with a client's scopes unless told otherwise. */
  async addKey(
    wanted: { tenantId?: string; scopes?: readonly string[]; expiresAt?: string } = {},
  ): Promise<TestKey> {
    const { tenantId = this.tenantId, scopes = CLIENT_SCOPES, expiresAt } = wanted;
    const db = openPool({ url: this.databases.mainUrl, role: 'payonce_app', name: 'test', max: 1 });
    try {
      const made = await createKey(db, {
        tenantId,
        name: 'another',
        scopes: [...scopes],
        ...(expiresAt === undefined ? {} : { expiresAt }),
      });
      if (isRefusal(made)) throw new Error(made.detail);
      return { key: made.key, keyId: made.keyId, tenantId };
    } finally {
      await db.end();
    }
  }

  /** Rows by the owner's connection. */
  async rows<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.owner.query<Row>(text, values)).rows;
  }

  async tokenBalance(of: Address): Promise<bigint> {
    const data = `0x70a08231${of.slice(2).padStart(64, '0')}`;
    return BigInt(await this.anvil.rpc<string>('eth_call', { to: this.token, data }, 'latest'));
  }

  async nativeBalance(of: Address): Promise<bigint> {
    return BigInt(await this.anvil.rpc<string>('eth_getBalance', of, 'latest'));
  }
}
