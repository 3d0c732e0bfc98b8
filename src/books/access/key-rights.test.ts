import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabases } from '../../../test/support/postgres.ts';
import { type Db, openPool, type Sql } from '../../base/db/index.ts';
import { isRefusal, silentLog, systemClock } from '../../base/kernel/index.ts';
import {
  createKey,
  createTenant,
  type KeyOrder,
  LastUse,
  type NewApiKey,
  readKey,
  revokeKey,
  rotateKey,
  type Tenant,
} from './index.ts';

let databases: Awaited<ReturnType<typeof testDatabases>>;
let db: Db;
let tenant: Tenant;

beforeAll(async () => {
  databases = await testDatabases();
  db = openPool({ url: databases.mainUrl, role: 'payonce_app', name: 'keys-test', max: 2 });
  tenant = (await createTenant(db, { name: 'acme' })) as Tenant;
});
afterAll(async () => {
  await db.end();
  await databases.drop();
});

const NOWHERE = '00000000-0000-7000-8000-000000000000';

function order(changes: Partial<KeyOrder> = {}): KeyOrder {
  return { tenantId: tenant.tenantId, name: 'shop', scopes: ['withdrawals:create'], ...changes };
}

const publicKey = generateKeyPairSync('ed25519').publicKey.export({
  type: 'spki',
  format: 'pem',
}) as string;

describe('a key that makes another', () => {
  const later = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
  const wide: Partial<KeyOrder> = { scopes: ['admin', 'withdrawals:*'] };

  async function make(maker: Partial<KeyOrder>, wanted: Partial<KeyOrder>) {
    const by = (await createKey(db, order({ ...wide, ...maker }))) as NewApiKey;
    return await createKey(db, order(wanted), { keyId: by.keyId, rateLimit: null });
  }

  it.each<[string, Partial<KeyOrder>, Partial<KeyOrder>, string]>([
    ['a scope it has not', {}, { scopes: ['ledger:credit'] }, '/scopes/0'],
    [
      'a family of which it has every member',
      { scopes: ['withdrawals:create', 'withdrawals:read'] },
      { scopes: ['withdrawals:*'] },
      '/scopes/0',
    ],
    ['all of admin', { scopes: ['admin:keys'] }, { scopes: ['admin'] }, '/scopes/0'],
    [
      'every address',
      { allowedNetworks: ['10.0.0.0/8'] },
      { allowedNetworks: [] },
      '/allowedNetworks',
    ],
    [
      'a wider network',
      { allowedNetworks: ['10.1.0.0/16', '::1'] },
      { allowedNetworks: ['10.0.0.0/8'] },
      '/allowedNetworks/0',
    ],
    ['a longer life', { expiresAt: later(1) }, { expiresAt: later(2) }, '/expiresAt'],
    ['requests without a signature', { publicKey }, {}, '/requireSignature'],
    [
      'a higher rate',
      { rateLimit: { requestsPerSecond: 5, burst: 9 } },
      { rateLimit: { requestsPerSecond: 6, burst: 9 } },
      '/rateLimit/requestsPerSecond',
    ],
  ])('gives it not %s', async (_what, maker, wanted, pointer) => {
    expect(await make(maker, wanted)).toMatchObject({
      code: 'grant_too_wide',
      faults: [{ pointer, code: 'grant_too_wide' }],
    });
  });

  it('gives it as much as it has, and its own bounds where the order names none', async () => {
    const bounds = {
      expiresAt: later(1),
      allowedNetworks: ['10.0.0.0/8', '2001:db8::/32'],
      rateLimit: { requestsPerSecond: 5, burst: 9 },
    };
    expect(await make(bounds, { scopes: ['admin:lanes'] })).toMatchObject({
      scopes: ['admin:lanes'],
      ...bounds,
      expiresAt: new Date(bounds.expiresAt),
    });
    const narrower = {
      expiresAt: later(0.5),
      allowedNetworks: ['10.7.0.0/16'],
      rateLimit: { requestsPerSecond: 5, burst: 1 },
      publicKey,
    };
    expect(await make(bounds, { scopes: ['admin:keys'], ...narrower })).toMatchObject({
      ...narrower,
      expiresAt: new Date(narrower.expiresAt),
      requireSignature: true,
    });
  });

  it.each(['admin', 'admin:*', 'admin:breaks', 'admin:chains'] as const)(
    'is never two persons: it makes and rotates none with %s but itself',
    async (scope) => {
      const scopes = [scope, 'ledger:read'];
      const refused = { code: 'grant_too_wide', faults: [{ pointer: '/scopes/0' }] };
      expect(await make({ scopes: ['admin', 'ledger:read'] }, { scopes })).toMatchObject(refused);
      const first = (await createKey(db, order({ scopes: ['admin', 'ledger:read'] }))) as NewApiKey;
      const second = (await createKey(db, order({ scopes }))) as NewApiKey;
      const rotate = (by: NewApiKey) =>
        rotateKey(db, {
          ...{ keyId: second.keyId, overlapMs: 0 },
          by: { keyId: by.keyId, rateLimit: null },
        });
      expect(await rotate(first)).toMatchObject(refused);
      expect(await rotate(second)).toMatchObject({ keyId: second.keyId });
    },
  );

  it('makes keys that speak for the same person, theirs too', async () => {
    const maker = (await createKey(db, order({ scopes: ['admin:keys'] }))) as NewApiKey;
    const made = async ({ keyId }: NewApiKey) =>
      (await createKey(db, order({ scopes: ['admin:keys'] }), {
        keyId,
        rateLimit: null,
      })) as NewApiKey;
    const child = await made(maker);
    const ids = [child.keyId, (await made(child)).keyId];
    const { rows } = await db.query('SELECT person_id FROM api_key WHERE key_id = ANY($1)', [ids]);
    expect(rows).toEqual([{ person_id: maker.keyId }, { person_id: maker.keyId }]);
  });

  it('counts the limit of all keys as its own', async () => {
    const maker = (await createKey(db, order())) as NewApiKey;
    const by = { keyId: maker.keyId, rateLimit: { requestsPerSecond: 5, burst: 5 } };
    expect(await createKey(db, order(), by)).toMatchObject({ rateLimit: null });
    const rateLimit = { requestsPerSecond: 5, burst: 6 };
    expect(await createKey(db, order({ rateLimit }), by)).toMatchObject({ code: 'grant_too_wide' });
  });

  it('makes none once it is revoked, whatever a process remembers, and none for another tenant', async () => {
    const { keyId } = (await createKey(db, order())) as NewApiKey;
    const by = { keyId, rateLimit: null };
    const other = (await createTenant(db, { name: 'other' })) as Tenant;
    const abroad = await createKey(db, order({ tenantId: other.tenantId }), by);
    expect(abroad).toMatchObject({ code: 'unauthenticated' });
    await revokeKey(db, { keyId });
    expect(await createKey(db, order(), by)).toMatchObject({ code: 'unauthenticated' });
  });
});

describe('rotateKey', () => {
  const secretsOf = (keyId: string) =>
    db
      .query<{ live: boolean }>(
        `SELECT coalesce(valid_until > clock_timestamp(), true) AS live FROM api_key_secret
         WHERE key_id = $1 ORDER BY created_at`,
        [keyId],
      )
      .then(({ rows }) => rows.map(({ live }) => live));

  it('gives a new secret to the same key and lets the old ones end, the first one no later than it would', async () => {
    const made = (await createKey(db, order())) as NewApiKey;
    const first = (await rotateKey(db, { keyId: made.keyId, overlapMs: 60_000 })) as NewApiKey;
    expect(first).toMatchObject({ keyId: made.keyId, scopes: made.scopes });
    expect(first.key).not.toBe(made.key);
    expect(first.key.slice(3, 11)).toBe(first.prefix);
    const inMs = first.previousValidUntil!.getTime() - Date.now();
    expect(inMs).toBeGreaterThan(50_000);
    expect(inMs).toBeLessThan(70_000);
    const second = (await rotateKey(db, { keyId: made.keyId, overlapMs: 7_200_000 })) as NewApiKey;
    expect(second.previousValidUntil!.getTime()).toBeGreaterThan(Date.now() + 7_000_000);
    expect(await secretsOf(made.keyId)).toEqual([true, true, true]);
    const last = await rotateKey(db, { keyId: made.keyId, overlapMs: 0 });
    expect(last).toMatchObject({ previousValidUntil: null });
    expect(await secretsOf(made.keyId)).toEqual([false, false, false, true]);
  });

  it('done twice at the same moment leaves one last secret', async () => {
    const { keyId } = (await createKey(db, order())) as NewApiKey;
    const both = [1, 2].map(() => rotateKey(db, { keyId, overlapMs: 0 }));
    expect((await Promise.all(both)).some(isRefusal)).toBe(false);
    expect(await secretsOf(keyId)).toEqual([false, false, true]);
  });

  it('refuses a key that ended, one that is not there, and a strange overlap', async () => {
    const made = (await createKey(db, order())) as NewApiKey;
    const { keyId } = made;
    for (const overlapMs of [-1, 0.5, Number.NaN, 31 * 86_400_000]) {
      expect(await rotateKey(db, { keyId, overlapMs })).toMatchObject({ code: 'invalid_request' });
    }
    for (const wanted of [{ keyId: NOWHERE }, { keyId: 'x' }, { keyId, tenantId: NOWHERE }]) {
      expect(await rotateKey(db, { ...wanted, overlapMs: 0 })).toMatchObject({ code: 'not_found' });
    }
    await revokeKey(db, { keyId });
    expect(await rotateKey(db, { keyId, overlapMs: 0 })).toMatchObject({ code: 'key_ended' });
  });

  it('by a key: its own secret, and never that of a key with more rights', async () => {
    const admin = (await createKey(db, order({ scopes: ['admin:keys'] }))) as NewApiKey;
    const payer = (await createKey(db, order({ scopes: ['withdrawals:create'] }))) as NewApiKey;
    const by = { keyId: admin.keyId, rateLimit: null };
    const rotate = (keyId: string) => rotateKey(db, { keyId, overlapMs: 0, by });
    expect(await rotate(admin.keyId)).toMatchObject({ keyId: admin.keyId });
    expect(await rotate(payer.keyId)).toMatchObject({ code: 'grant_too_wide' });
    expect(await secretsOf(payer.keyId)).toEqual([true]);
  });
});

describe('the last use of keys', () => {
  it('is written without an address where what came is none', async () => {
    const uses = new LastUse({ sql: db, clock: systemClock, log: silentLog });
    const keys = (await Promise.all([1, 2].map(() => createKey(db, order())))) as NewApiKey[];
    uses.note(keys[0]!.keyId, { ip: 'nonsense' });
    uses.note(keys[1]!.keyId, { ip: 'fe80::1%eth0' });
    await uses.write();
    for (const { keyId } of keys) {
      expect(await readKey(db, { keyId })).toMatchObject({
        lastUsedAt: expect.any(Date),
        lastUsedFrom: null,
      });
    }
  });

  it('is written for all of them at once, never goes back, and waits while the database is away', async () => {
    const keys = await Promise.all([1, 2].map(() => createKey(db, order())));
    const [one, two] = keys.map((key) => (key as NewApiKey).keyId) as [string, string];
    let broken = true;
    const sql = {
      query: ((...args: Parameters<Sql['query']>) => {
        if (broken) throw new Error('connect ECONNREFUSED');
        return db.query(...args);
      }) as unknown as Sql['query'],
    };
    const uses = new LastUse({ sql, clock: systemClock, log: silentLog });
    uses.note(one, { ip: '192.0.2.1' });
    uses.note(one, { ip: '192.0.2.9' });
    uses.note(two, { ip: '2001:db8::1' });
    uses.note(NOWHERE, { ip: '192.0.2.1' });
    await uses.write();
    broken = false;
    await uses.write();
    const read = async (keyId: string) => (await readKey(db, { keyId })) as NewApiKey;
    expect(await read(one)).toMatchObject({ lastUsedFrom: '192.0.2.1' });
    expect(await read(two)).toMatchObject({
      lastUsedFrom: '2001:db8::1',
      lastUsedAt: expect.any(Date),
    });
    uses.start();
    uses.note(one, { ip: '192.0.2.2' });
    await uses.stop();
    expect(await read(one)).toMatchObject({ lastUsedFrom: '192.0.2.2' });
  });
});
