import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDatabases, testDatabases } from '../../../../test/support/postgres.ts';
import { type Db, openPool } from '../../../base/db/index.ts';
import { listKeys, listTenants, revokeKey } from '../../../books/access/index.ts';
import { ensureKeys, ensureTenants } from './access.ts';

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
