import type { MerchantSettings, Settings } from '../../../base/config/index.ts';
import { type Db, inTransaction, openPool } from '../../../base/db/index.ts';
import { isRefusal, type Refusal, systemClock, Transient } from '../../../base/kernel/index.ts';
import {
  allows,
  createKey,
  createTenant,
  findTenant,
  type Grant,
  inviteFirstAdmin,
  KeyCache,
  listTenants,
  merchantOfKey,
  type Role,
  retireMerchants,
  type Tenant,
} from '../../../books/access/index.ts';
import { createMerchantKey, putMerchants } from '../services/merchants.ts';
import { readState, type StateFile, writeState } from './state/state-files.ts';

/** Payments are handed in by merchants, each with a key of its own. */
const CLIENT: readonly Grant[] = [
  ...(['withdrawals:*', 'ledger:credit', 'ledger:read', 'events:read'] as const),
  ...(['payments:read', 'payments:refund', 'payments:price'] as const),
];
const ADMIN: readonly Grant[] = [
  ...(['admin', 'withdrawals:read', 'payments:read', 'ledger:read', 'events:read'] as const),
];

export type LocalKeys = StateFile['keys'] & { made: boolean };

/** Tenants and merchants of the configuration, and the keys of the first tenant. */
export async function ensureAccess(
  db: Db,
  stateDir: string,
  { lanes, x402 }: Pick<Settings, 'lanes' | 'x402'>,
  first: string,
): Promise<LocalKeys> {
  const tenants = [...lanes, ...x402.merchants].map(({ tenant }) => tenant);
  await ensureTenants(db, [...tenants, first]);
  await ensureMerchantKeys(db, stateDir, { wanted: x402.merchants, tenants });
  return ensureKeys(db, stateDir, first);
}

/** Makes the tenants that are not there yet. Returns the names that were made. */
export async function ensureTenants(db: Db, names: readonly string[]): Promise<string[]> {
  const made: string[] = [];
  for (const name of new Set(names)) {
    if ((await findTenant(db, { name })) !== null) continue;
    expectMade(await createTenant(db, { name }));
    made.push(name);
  }
  return made;
}

const FIRST_ADMIN_LIFE_MS = 24 * 3_600_000;

/**
 * What the link of the first security-admin of these tenants carries; null once there is one. Each start makes a
 * new one, and the one before opens nothing any more.
 */
export async function ensureFirstAdmin(
  url: string,
  tenants: readonly string[],
  roles: readonly Role[],
): Promise<string | null> {
  const db = openPool({ url, role: 'payonce_app', name: 'payonce-start', max: 1 });
  try {
    const tenantIds = (await listTenants(db))
      .filter(({ name }) => tenants.includes(name))
      .map(({ tenantId }) => tenantId);
    const invited = await inviteFirstAdmin(db, { tenantIds, roles, lifeMs: FIRST_ADMIN_LIFE_MS });
    return invited?.token ?? null;
  } finally {
    await db.end();
  }
}

/**
 * The client's and the operator's key of a tenant: those of the state folder while the database still
 * takes them, else new ones. A crash between making and writing down leaves a key that nobody knows.
 */
export async function ensureKeys(db: Db, stateDir: string, tenant: string): Promise<LocalKeys> {
  const found = await findTenant(db, { name: tenant });
  if (found === null)
    throw new Transient(`tenant ${tenant} is gone from the database: start again`);
  const kept = readState(stateDir, 'keys');
  if (kept !== null && kept.tenant === tenant && (await areGood(db, kept, found))) {
    return { ...kept, made: false };
  }
  const order = { tenantId: found.tenantId };
  const client = expectMade(await createKey(db, { ...order, name: 'npm start', scopes: CLIENT }));
  const admin = expectMade(await createKey(db, { ...order, name: 'npm start', scopes: ADMIN }));
  const keys = { tenant, apiKey: client.key, adminApiKey: admin.key };
  writeState(stateDir, 'keys', keys);
  return { ...keys, made: true };
}

/**
 * Makes the merchants of the configuration, takes out of service what its tenants have besides, and makes for each a key in
 * the state folder where there is none that the database still takes.
 */
async function ensureMerchantKeys(
  db: Db,
  stateDir: string,
  { wanted, tenants }: { wanted: readonly MerchantSettings[]; tenants: readonly string[] },
): Promise<void> {
  const merchants = await putMerchants(db, wanted);
  const before = readState(stateDir, 'merchants') ?? {};
  const theirs = {
    // A tenant may be gone from the file with its merchant.
    tenants: [...tenants, ...Object.keys(before).map((name) => name.split('/')[0]!)],
    kept: merchants.map(({ merchantId }) => merchantId),
  };
  await inTransaction(db, (sql) => retireMerchants(sql, theirs));
  const keys: Record<string, string> = {};
  for (const [index, merchant] of merchants.entries()) {
    const name = `${wanted[index]!.tenant}/${merchant.name}`;
    const known = before[name];
    const good = known !== undefined && (await actsFor(db, known, merchant.merchantId));
    keys[name] = good ? known : await createMerchantKey(db, merchant);
  }
  if (merchants.length > 0) writeState(stateDir, 'merchants', keys);
}

async function actsFor(db: Db, key: string, merchantId: string): Promise<boolean> {
  const identity = await withKeys(db, (cache) => cache.authenticate(key));
  const merchant = identity && (await merchantOfKey(db, identity.keyId));
  return merchant?.merchantId === merchantId;
}

async function withKeys<T>(db: Db, ask: (cache: KeyCache) => T): Promise<Awaited<T>> {
  const cache = new KeyCache({ sql: db, clock: systemClock, feed: null });
  cache.start();
  try {
    return await ask(cache);
  } finally {
    await cache.stop();
  }
}

async function areGood(db: Db, keys: StateFile['keys'], tenant: Tenant): Promise<boolean> {
  const both = await withKeys(db, (cache) =>
    Promise.all([cache.authenticate(keys.apiKey), cache.authenticate(keys.adminApiKey)]),
  );
  // Those of an older version may open less.
  return [CLIENT, ADMIN].every((wanted, index) => {
    const identity = both[index];
    const opens = wanted.every((scope) => allows(identity?.scopes ?? [], scope));
    return identity?.tenantId === tenant.tenantId && opens;
  });
}

function expectMade<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Transient(answer.detail);
  return answer;
}
