import type { Db } from '../../../base/db/index.ts';
import { isRefusal, type Refusal, systemClock, Transient } from '../../../base/kernel/index.ts';
import {
  createKey,
  createTenant,
  findTenant,
  type Grant,
  KeyCache,
  type Tenant,
} from '../../../books/access/index.ts';
import { readState, type StateFile, writeState } from './state-files.ts';

const CLIENT: readonly Grant[] = ['withdrawals:*', 'ledger:credit', 'ledger:read', 'events:read'];
const ADMIN: readonly Grant[] = ['admin', 'withdrawals:read', 'ledger:read', 'events:read'];

export type LocalKeys = StateFile['keys'] & { made: boolean };

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

async function areGood(db: Db, keys: StateFile['keys'], tenant: Tenant): Promise<boolean> {
  const cache = new KeyCache({ sql: db, clock: systemClock, feed: null });
  cache.start();
  try {
    const both = await Promise.all([
      cache.authenticate(keys.apiKey),
      cache.authenticate(keys.adminApiKey),
    ]);
    return both.every((identity) => identity?.tenantId === tenant.tenantId);
  } finally {
    await cache.stop();
  }
}

function expectMade<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Transient(answer.detail);
  return answer;
}
