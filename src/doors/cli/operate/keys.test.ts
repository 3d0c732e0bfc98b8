import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDatabases, testDatabases } from '../../../../test/support/postgres.ts';
import { run } from '../cli.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-keys-'));
let databases: TestDatabases;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  databases = await testDatabases();
  env = { DATABASE_URL: databases.mainUrl };
  await run(['tenant', 'create', 'acme'], { env });
});
afterAll(async () => {
  await databases.drop();
  rmSync(folder, { recursive: true });
});

test('keys are made, shown once, listed and revoked', async () => {
  const order = ['key', 'create', '--tenant', 'acme', '--scopes', 'ledger:read,events:read'];
  const made = await run([...order, '--expires', '90d', '--name', 'reports'], { env });
  expect(made.code).toBe(0);
  expect(made.out).toMatch(/^pk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}\n$/);
  const list = await run(['key', 'list', '--tenant', 'acme', '--json'], { env });
  const [key] = JSON.parse(list.out);
  expect(key).toMatchObject({ name: 'reports', revokedAt: null });
  expect(list.out).not.toContain(made.out.trim());
  expect((await run(['key', 'revoke', key.id], { env })).out).toMatch(/is revoked\n$/);
  const after = await run(['key', 'list', '--json'], { env });
  expect(JSON.parse(after.out)[0].revokedAt).not.toBeNull();
  expect((await run(['key', 'list'], { env })).out).toMatch(/events:read,ledger:read/);
});

test('keys of nobody, with scopes that do not exist or an expiry that has passed are refused', async () => {
  const order = (tenant: string, scopes: string, ...more: string[]) =>
    run(['key', 'create', '--tenant', tenant, '--scopes', scopes, ...more], { env });
  expect(await order('nobody', 'admin')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/no tenant "nobody"/),
  });
  expect(await order('acme', 'fly')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/"fly", expected one of/),
  });
  expect(await order('acme', 'admin', '--expires', '2020-01-01T00:00:00Z')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/a time to come/),
  });
  expect(await run(['key', 'revoke', 'x'], { env })).toMatchObject({
    code: 2,
    err: expect.stringMatching(/no key x/),
  });
});

test('a key is made with every bound, shown, and rotated with an overlap', async () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  writeFileSync(join(folder, 'client.pem'), pem);
  const order = ['key', 'create', '--tenant', 'acme', '--scopes', 'withdrawals:create', '--json'];
  const bounds = ['--networks', '10.0.0.0/8, ::1', '--public-key', 'client.pem', '--rate', '50'];
  const made = await run([...order, ...bounds], { env, cwd: folder });
  const { id, key } = JSON.parse(made.out);
  const show = await run(['key', 'show', id, '--json'], { env });
  expect(JSON.parse(show.out)).toMatchObject({
    allowedNetworks: ['10.0.0.0/8', '::1/128'],
    publicKey: pem,
    requireSignature: true,
    rateLimit: { requestsPerSecond: 50, burst: 50 },
    lastUsedAt: null,
  });
  expect((await run(['key', 'show', id], { env })).out).toMatch(/^requireSignature: true$/m);
  const rotated = await run(['key', 'rotate', id, '--overlap', '2h'], { env });
  expect(rotated.out).toMatch(/^pk_/);
  expect(rotated.out.trim()).not.toBe(key);
  expect(rotated.err).toMatch(/rotated; it is not shown again; the old secret is good until 20/);
  const again = await run(['key', 'rotate', id, '--overlap', '0m'], { env });
  expect(again.err).not.toContain('good until');
  const lax = await run([...order, '--public-key', 'client.pem', '--no-signature'], {
    ...{ env, cwd: folder },
  });
  expect(JSON.parse(lax.out)).toMatchObject({ publicKey: pem, requireSignature: false });
});

test.each([
  [['create', '--tenant', 'acme', '--scopes', 'admin', '--burst', '5'], /--burst needs a --rate/],
  [['create', '--tenant', 'acme', '--scopes', 'admin', '--rate', '0'], /a whole number above 0/],
  [
    ['create', '--tenant', 'acme', '--scopes', 'admin', '--public-key', 'gone.pem'],
    /can not be read/,
  ],
  [
    ['create', '--tenant', 'acme', '--scopes', 'admin', '--networks', 'lan'],
    /"lan", expected an address/,
  ],
  [['rotate', 'x'], /no key x/],
  [['rotate', 'x', '--overlap', 'soon'], /a span like 12h/],
  [['show', 'x'], /no key x/],
])('key %j is refused', async (argv, told) => {
  const ran = await run(['key', ...argv], { env, cwd: folder });
  expect(ran).toMatchObject({ code: 2, out: '', err: expect.stringMatching(told) });
});
