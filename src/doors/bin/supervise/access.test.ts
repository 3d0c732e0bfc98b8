import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDatabases, testDatabases } from '../../../../test/support/postgres.ts';
import { type Db, openPool } from '../../../base/db/index.ts';
import { readAudit } from '../../../base/event/index.ts';
import type { Address } from '../../../base/kernel/index.ts';
import {
  findMerchant,
  findTenant,
  listKeys,
  listTenants,
  revokeKey,
} from '../../../books/access/index.ts';
import { ensureAccess, ensureKeys, ensureTenants } from './access.ts';

let databases: TestDatabases;
let db: Db;
const folder = mkdtempSync(join(tmpdir(), 'payonce-access-'));
beforeAll(async () => {
  databases = await testDatabases();
  db = openPool({ url: databases.mainUrl, role: 'payonce_app', name: 'test', max: 2 });
});
afterAll(async () => {
  await db.end();
  await databases.drop();
  rmSync(folder, { recursive: true, force: true });
});

test('tenants are made once', async () => {
  expect(await ensureTenants(db, ['demo', 'acme', 'demo'])).toEqual(['demo', 'acme']);
  expect(await ensureTenants(db, ['demo', 'acme'])).toEqual([]);
  expect((await listTenants(db)).map(({ name }) => name)).toEqual(['acme', 'demo']);
});

test('keys are kept for the next start, privately, and made anew when the database refuses one', async () => {
  const first = await ensureKeys(db, folder, 'demo');
  expect(first.made).toBe(true);
  expect(await ensureKeys(db, folder, 'demo')).toEqual({ ...first, made: false });
  expect(statSync(join(folder, 'keys.json')).mode & 0o777).toBe(0o600);

  const rows = await listKeys(db);
  expect(rows.map(({ scopes }) => scopes.includes('admin')).sort()).toEqual([false, true]);
  await revokeKey(db, { keyId: rows[0]!.keyId });
  const second = await ensureKeys(db, folder, 'demo');
  expect(second.made).toBe(true);
  expect(second.apiKey).not.toBe(first.apiKey);
});

test('keys that open less than those of today are made anew', async () => {
  const kept = await ensureKeys(db, folder, 'demo');
  const { keyId } = (await listKeys(db)).find(({ prefix }) =>
    kept.apiKey.startsWith(`pk_${prefix}`),
  )!;
  const less = `UPDATE api_key SET scopes = array_remove(scopes, 'payments:price') WHERE key_id = $1`;
  const owner = openPool({ url: databases.mainUrl, role: 'owner', name: 'test', max: 1 });
  await owner.query(less, [keyId]);
  await owner.end();
  expect(await ensureKeys(db, folder, 'demo')).toMatchObject({ made: true });
});

test("another tenant's keys are not taken", async () => {
  const acme = await ensureKeys(db, folder, 'acme');
  expect(acme).toMatchObject({ made: true, tenant: 'acme' });
});

test('a merchant that the configuration names no more is out of service, and comes back with it', async () => {
  const payTo: Address[] = [`0x${'aa'.repeat(20)}`];
  const terms = { payTo, assets: [], offers: [], replays: false };
  const of = (tenant: string, ...names: string[]) => ({
    lanes: [],
    x402: { merchants: names.map((name) => ({ tenant, name, ...terms })) } as never,
  });
  const inService = async (tenant: string, name: string) =>
    (await findMerchant(db, { tenant, name })) !== null;
  const elsewhere = mkdtempSync(join(folder, 'other-'));
  await ensureAccess(db, elsewhere, of('other', 'theirs'), 'other');
  await ensureAccess(db, folder, of('acme', 'shop', 'stall'), 'acme');
  await ensureAccess(db, folder, of('acme', 'stall'), 'acme');
  expect(await inService('acme', 'shop')).toBe(false);
  expect(await inService('acme', 'stall')).toBe(true);
  // Of tenants that it never named it says nothing.
  expect(await inService('other', 'theirs')).toBe(true);
  await ensureAccess(db, folder, { lanes: [], x402: { merchants: [] } as never }, 'demo');
  expect(await inService('acme', 'stall')).toBe(false);
  await ensureAccess(db, folder, of('acme', 'shop', 'stall'), 'acme');
  expect(await inService('acme', 'shop')).toBe(true);
  const { tenantId } = (await findTenant(db, { name: 'acme' }))!;
  const told = await readAudit(db, { tenantId, action: 'merchant', limit: 50, before: null });
  const ofShop = told.filter(({ detail }) => (detail as { name?: string }).name === 'shop');
  expect(ofShop.reverse().map(({ action }) => action)).toEqual([
    'merchant.made',
    'merchant.key_bound',
    'merchant.retired',
    'merchant.made',
    'merchant.key_bound',
  ]);
});
