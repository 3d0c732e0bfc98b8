import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog, Transient } from '../../../base/kernel/index.ts';
import { principalOf } from '../fixtures/api-keys.fixture.ts';
import { FakeServices, TENANT } from '../fixtures/services.fixture.ts';
import { buildServer } from '../server.ts';
import { PAIR, signed } from './sign.fixture.ts';

let services: FakeServices;
let app: FastifyInstance;

beforeEach(async () => {
  services = new FakeServices();
  const signature = { publicKey: PAIR.publicKey, required: true };
  services.keys['signing'] = principalOf(TENANT, 'k', ['withdrawals:*'], { signature });
  app = await buildServer({ services, log: silentLog, version: '0', bodyLimitBytes: 4096 });
});
afterEach(() => app.close());

const path = '/v1/withdrawals';
const body = '{"account":"alice"}';
const plain = { authorization: 'Bearer signing', 'content-type': 'application/json' };
const order = (nonce = 'nonce-1') => ({
  ...plain,
  ...signed({ method: 'POST', path, body, nonce, headers: { 'idempotency-key': 'pay-1' } }),
});
const post = async (headers: Record<string, string>, payload = body) => {
  const answer = await app.inject({ method: 'POST', url: path, headers, payload });
  return [answer.statusCode, answer.json().code];
};

it('a signed request is done once; the same again is refused, and signed anew it is a replay of the payment', async () => {
  expect(await post(order())).toEqual([202, undefined]);
  expect(await post(order())).toEqual([401, 'signature_replayed']);
  expect(await post(order('nonce-2'))).toEqual([202, undefined]);
  expect(services.submitted).toHaveLength(2);
});

it('a key that must sign does nothing without a signature', async () => {
  expect(await post({ ...plain, 'idempotency-key': 'pay-1' })).toEqual([401, 'signature_required']);
  expect((await app.inject({ url: path, headers: plain })).json().code).toBe('signature_required');
  expect(services.submitted).toEqual([]);
});

it('a body that was altered on its way is refused and leaves the nonce to the true one', async () => {
  expect(await post(order(), body.replace('alice', 'mallo'))).toEqual([400, 'digest_mismatch']);
  expect(await post(order(), '')).toEqual([400, 'digest_mismatch']);
  expect(services.nonces).toEqual([]);
  expect(await post(order())).toEqual([202, undefined]);
});

it('a body that was put under a signature without one is refused', async () => {
  const cancel = `${path}/01890000-0000-7000-8000-000000000001/cancel`;
  const headers = { ...plain, ...signed({ method: 'POST', path: cancel }) };
  const stuffed = await app.inject({ method: 'POST', url: cancel, headers, payload: '{}' });
  expect(stuffed.json().code).toBe('signature_incomplete');
  const bare = await app.inject({ method: 'POST', url: cancel, headers });
  expect(bare.statusCode).toBe(404);
  expect(services.nonces).toEqual(['nonce-1']);
});

it('the digest of an empty body is good for no body', async () => {
  const cancel = `${path}/01890000-0000-7000-8000-000000000001/cancel`;
  const digest = createHash('sha256').digest('base64');
  const given = { 'content-digest': `sha-256=:${digest}:` };
  const headers = { ...plain, ...signed({ method: 'POST', path: cancel, headers: given }) };
  expect((await app.inject({ method: 'POST', url: cancel, headers })).statusCode).toBe(404);
});

it('what is stale by the database, and what it can not tell, is not done', async () => {
  services.takeNonce = async () => 'stale';
  expect(await post(order())).toEqual([401, 'signature_stale']);
  services.takeNonce = () => Promise.reject(new Transient('connect ECONNREFUSED'));
  expect(await post(order())).toEqual([503, 'unavailable']);
  expect(services.submitted).toEqual([]);
});

it('behind a proxy that is trusted the target is the one the client saw', async () => {
  const behind = await buildServer({
    ...{ services, log: silentLog, version: '0', bodyLimitBytes: 4096 },
    trustedProxies: ['127.0.0.1'],
  });
  const headers = { ...plain, ...signed({ path, cover: ['@method', '@target-uri'] }) };
  const through = {
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'localhost:80',
    host: 'inner',
  };
  const good = await behind.inject({ url: path, headers: { ...headers, ...through } });
  expect(good.statusCode).toBe(200);
  const forged = await app.inject({ url: path, headers: { ...headers, ...through } });
  expect(forged.json().code).toBe('signature_invalid');
  await behind.close();
});

it('the example of the documents signs what is taken', async () => {
  const page = readFileSync(new URL('../../../../docs/api-keys.md', import.meta.url), 'utf8');
  const example = /```js\n([\s\S]*?)```/.exec(page)![1]!;
  const source = `data:text/javascript,${encodeURIComponent(example)}`;
  const { signedHeaders } = await import(/* @vite-ignore */ source);
  const key = { id: 'k', secret: 'signing', privateKey: PAIR.privateKey };
  const sent = { method: 'POST', url: `https://pay.example${path}`, body, idempotencyKey: 'pay-1' };
  expect(await post(signedHeaders(key, sent))).toEqual([202, undefined]);
  const read = { method: 'GET', url: `https://pay.example${path}?limit=1` };
  const headers = signedHeaders(key, read);
  expect((await app.inject({ url: `${path}?limit=1`, headers })).statusCode).toBe(200);
  expect((await app.inject({ url: `${path}?limit=2`, headers })).statusCode).toBe(401);
});
