import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabases } from '../../../test/support/postgres.ts';
import { type Db, openPool } from '../../base/db/index.ts';
import { isRefusal, sha256Hex } from '../../base/kernel/index.ts';
import {
  allows,
  createKey,
  createTenant,
  findTenant,
  type KeyOrder,
  listKeys,
  listTenants,
  type NewApiKey,
  revokeKey,
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

const pem = { format: 'pem' } as const;
const ed25519 = generateKeyPairSync('ed25519');
const PEM = {
  publicKey: ed25519.publicKey.export({ type: 'spki', ...pem }) as string,
  privateKey: ed25519.privateKey.export({ type: 'pkcs8', ...pem }) as string,
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
    type: 'spki',
    ...pem,
  }) as string,
};

describe('tenants', () => {
  it('are created once by name, found and listed', async () => {
    expect(tenant).toMatchObject({ name: 'acme', createdAt: expect.any(Date) });
    expect(await createTenant(db, { name: 'acme' })).toMatchObject({ code: 'invalid_request' });
    expect(await findTenant(db, { name: 'acme' })).toEqual(tenant);
    expect(await findTenant(db, { name: 'nobody' })).toBeNull();
    expect(await listTenants(db)).toEqual([tenant]);
  });

  it.each(['', 'ACME', '-acme', 'a b', 'a'.repeat(64)])('are refused the name %j', async (name) => {
    expect(await createTenant(db, { name })).toMatchObject({
      refused: true,
      code: 'invalid_request',
      faults: [{ pointer: '/name', got: name }],
    });
  });
});

describe('createKey', () => {
  it('shows the key once and stores its SHA-256 only', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000);
    const made = (await createKey(
      db,
      order({ expiresAt: expiresAt.toISOString(), scopes: ['events:read', 'admin', 'admin'] }),
    )) as NewApiKey;
    expect(made.key).toMatch(/^pk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$/);
    expect(made).toMatchObject({
      prefix: made.key.slice(3, 11),
      scopes: ['admin', 'events:read'],
      expiresAt,
      revokedAt: null,
    });
    const { rows } = await db.query<{ row: string; hash: Buffer }>(
      'SELECT k::text || s::text AS row, s.key_hash AS hash FROM api_key k JOIN api_key_secret s USING (key_id) WHERE k.key_id = $1',
      [made.keyId],
    );
    expect(rows[0]?.hash.toString('hex')).toBe(sha256Hex(made.key));
    expect(rows[0]?.row).not.toContain(made.key.slice(12));
    const { key: _, ...listed } = made;
    expect(await listKeys(db, { tenantId: tenant.tenantId })).toContainEqual(listed);
  });

  it.each<[string, Partial<KeyOrder>, object]>([
    [
      'an unknown scope',
      { scopes: ['admin', 'withdrawals'] },
      { pointer: '/scopes/1', got: 'withdrawals' },
    ],
    ['no scope', { scopes: [] }, { pointer: '/scopes' }],
    ['an empty name', { name: ' ' }, { pointer: '/name' }],
    ['a name too long', { name: 'n'.repeat(129) }, { pointer: '/name' }],
    ['an expiry that has passed', { expiresAt: '2020-01-01T00:00:00Z' }, { pointer: '/expiresAt' }],
    ['an expiry that is no time', { expiresAt: 'soon' }, { pointer: '/expiresAt', got: 'soon' }],
    [
      'an expiry on no day',
      { expiresAt: '2090-02-30T00:00:00Z' },
      { pointer: '/expiresAt', got: '2090-02-30T00:00:00Z' },
    ],
    [
      'a network with bits behind its prefix',
      { allowedNetworks: ['10.0.0.0/8', '10.0.0.1/8'] },
      { pointer: '/allowedNetworks/1', got: '10.0.0.1/8' },
    ],
    [
      'too many networks',
      { allowedNetworks: Array.from({ length: 101 }, (_, n) => `10.0.0.${n}`) },
      { pointer: '/allowedNetworks', got: '101' },
    ],
    ['text for a public key', { publicKey: 'nonsense' }, { pointer: '/publicKey' }],
    ['a private key', { publicKey: PEM.privateKey }, { pointer: '/publicKey' }],
    ['a public key of another curve', { publicKey: PEM.p256 }, { pointer: '/publicKey' }],
    ['signatures without a key', { requireSignature: true }, { pointer: '/publicKey' }],
    [
      'a rate of nothing',
      { rateLimit: { requestsPerSecond: 0, burst: 1 } },
      { pointer: '/rateLimit/requestsPerSecond', got: '0' },
    ],
    [
      'half a request',
      { rateLimit: { requestsPerSecond: 1, burst: 1.5 } },
      { pointer: '/rateLimit/burst', got: '1.5' },
    ],
  ])('refuses %s', async (_what, changes, fault) => {
    expect(await createKey(db, order(changes))).toMatchObject({
      code: 'invalid_request',
      faults: [fault],
    });
  });

  it('refuses a tenant that is not there', async () => {
    expect(await createKey(db, order({ tenantId: NOWHERE }))).toMatchObject({ code: 'not_found' });
    expect(await createKey(db, order({ tenantId: 'acme' }))).toMatchObject({ code: 'not_found' });
  });
});

describe('revokeKey', () => {
  it('revokes once and keeps the first time when repeated', async () => {
    const { keyId } = (await createKey(db, order())) as NewApiKey;
    const first = await revokeKey(db, { keyId });
    expect(first).toMatchObject({ keyId, revokedAt: expect.any(Date) });
    expect(await revokeKey(db, { keyId })).toEqual(first);
    expect(await listKeys(db)).toContainEqual(first);
    const { rows } = await db.query(
      'SELECT action, actor, detail FROM audit_entry WHERE subject = $1 ORDER BY entry_id',
      [keyId],
    );
    expect(rows).toMatchObject([
      { action: 'api_key.made', actor: 'the command line', detail: { scopes: order().scopes } },
      { action: 'api_key.revoked', actor: 'the command line' },
    ]);
  });

  it("does not find what is not there, and another tenant's key", async () => {
    const { keyId } = (await createKey(db, order())) as NewApiKey;
    for (const wanted of [
      { keyId: NOWHERE },
      { keyId: 'x' },
      { keyId, tenantId: NOWHERE },
      { keyId, tenantId: 'x' },
    ]) {
      expect(isRefusal(await revokeKey(db, wanted))).toBe(true);
    }
    expect(await revokeKey(db, { keyId, tenantId: tenant.tenantId })).toMatchObject({ keyId });
  });
});

it('the app role can change nothing of a key but its revocation', async () => {
  for (const change of [
    ...["scopes = '{admin}'", 'expires_at = NULL', 'tenant_id = tenant_id'],
    ...[
      "allowed_networks = '{}'",
      'require_signature = false',
      'public_key = NULL',
      'burst = NULL',
    ],
  ]) {
    await expect(db.query(`UPDATE api_key SET ${change}`)).rejects.toMatchObject({ code: '42501' });
  }
  await expect(db.query('DELETE FROM api_key')).rejects.toMatchObject({ code: '42501' });
});

it('a scope allows itself, the wildcard allows its family, admin allows no other', () => {
  expect(allows(['ledger:read'], 'ledger:read')).toBe(true);
  expect(allows(['ledger:read'], 'ledger:credit')).toBe(false);
  expect(allows(['withdrawals:*'], 'withdrawals:create')).toBe(true);
  expect(allows(['withdrawals:*'], 'ledger:read')).toBe(false);
  expect(allows(['admin'], 'withdrawals:read')).toBe(false);
  expect(allows(['admin:lanes'], 'admin:lanes')).toBe(true);
  expect(allows(['admin:lanes'], 'admin:keys')).toBe(false);
  expect(allows(['admin:lanes'], 'admin')).toBe(false);
  for (const all of ['admin', 'admin:*'] as const) {
    expect(allows([all], 'admin')).toBe(true);
    expect(allows([all], 'admin:keys')).toBe(true);
  }
});
