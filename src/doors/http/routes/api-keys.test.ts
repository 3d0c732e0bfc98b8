import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../base/kernel/index.ts';
import { FakeServices } from '../fixtures/services.fixture.ts';
import { buildServer } from '../server.ts';

let services: FakeServices;
let app: FastifyInstance;

beforeEach(async () => {
  services = new FakeServices();
  app = await buildServer({ services, log: silentLog, version: '0', bodyLimitBytes: 4096 });
});
afterEach(() => app.close());

const NOWHERE = '01890000-0000-7000-8000-00000000abcd';

const call = (method: 'GET' | 'POST', url: string, body?: unknown, key = 'all') =>
  app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${key}` },
    ...(body !== undefined && { payload: body as object }),
  });
const order = { name: 'shop', scopes: ['withdrawals:create'] };

describe('API keys', () => {
  it('are made with their secret shown once, then listed and read without it', async () => {
    const full = {
      ...order,
      expiresAt: '2027-01-31T00:00:00Z',
      allowedNetworks: ['192.0.2.0/24'],
      publicKey: 'PEM',
      requireSignature: true,
      rateLimit: { requestsPerSecond: 5, burst: 9 },
    };
    const made = await call('POST', '/v1/api-keys', full);
    expect(made.statusCode).toBe(201);
    const { key, ...rest } = made.json();
    expect(key).toBe('pk_abcdefgh_secret');
    expect(rest).toMatchObject({ ...full, expiresAt: '2027-01-31T00:00:00.000Z' });
    expect(made.headers.location).toBe(`/v1/api-keys/${rest.id}`);
    expect((await call('GET', `/v1/api-keys/${rest.id.toUpperCase()}`)).json()).toEqual(rest);
    expect((await call('GET', '/v1/api-keys')).json()).toEqual({ keys: [rest], cursor: null });
    expect(services.apiKeys.orders).toEqual([full]);
  });

  it('are listed page by page', async () => {
    for (const name of ['a', 'b', 'c']) await call('POST', '/v1/api-keys', { ...order, name });
    const first = (await call('GET', '/v1/api-keys?limit=2')).json();
    expect(first.keys.map((key: { name: string }) => key.name)).toEqual(['c', 'b']);
    const rest = (await call('GET', `/v1/api-keys?limit=2&cursor=${first.cursor}`)).json();
    expect(rest.keys.map((key: { name: string }) => key.name)).toEqual(['a']);
    const foreign = await call('GET', `/v1/api-keys?cursor=${first.cursor}`, undefined, 'other');
    expect(foreign.json()).toMatchObject({ code: 'invalid_cursor' });
  });

  it('are rotated with an overlap of a day unless told otherwise, and revoked', async () => {
    const { id } = (await call('POST', '/v1/api-keys', order)).json();
    const rotated = await call('POST', `/v1/api-keys/${id}/rotate`);
    expect(rotated.json()).toMatchObject({ id, key: 'pk_abcdefgh_secret2' });
    await call('POST', `/v1/api-keys/${id}/rotate`, { overlapSeconds: 0 });
    expect(services.apiKeys.overlaps).toEqual([86_400_000, 0]);
    const revoked = await call('POST', `/v1/api-keys/${id}/revoke`);
    expect(revoked.json()).toMatchObject({ id, revokedAt: '2026-01-31T13:00:00.000Z' });
  });

  it.each([
    ['GET', '', undefined],
    ['POST', '/rotate', {}],
    ['POST', '/revoke', {}],
  ] as const)('of another tenant or of nobody are not there: %s %s', async (method, verb, body) => {
    const { id } = (await call('POST', '/v1/api-keys', order)).json();
    for (const [wanted, key] of [
      [id, 'other'],
      [NOWHERE, 'all'],
      ['x', 'all'],
    ] as const) {
      const answer = await call(method, `/v1/api-keys/${wanted}${verb}`, body, key);
      expect([answer.statusCode, answer.json().code]).toEqual([404, 'not_found']);
    }
  });

  it.each<[string, unknown, string, string]>([
    ['no body', undefined, 'invalid_json', ''],
    ['a list', [], 'invalid_request', ''],
    ['no scopes', { name: 'x' }, 'invalid_request', '/scopes'],
    ['scopes that are no list', { ...order, scopes: 'admin' }, 'invalid_request', '/scopes'],
    ['scopes that are no texts', { ...order, scopes: [1] }, 'invalid_request', '/scopes'],
    ['a stranger', { ...order, tenantId: NOWHERE }, 'unknown_field', '/tenantId'],
    ['a time that is no text', { ...order, expiresAt: 5 }, 'invalid_request', '/expiresAt'],
    [
      'a network that is no text',
      { ...order, allowedNetworks: [4] },
      'invalid_request',
      '/allowedNetworks',
    ],
    ['half a truth', { ...order, requireSignature: 'yes' }, 'invalid_request', '/requireSignature'],
    [
      'a rate without a burst',
      { ...order, rateLimit: { requestsPerSecond: 1 } },
      'invalid_request',
      '/rateLimit',
    ],
    [
      'an endless public key',
      { ...order, publicKey: 'x'.repeat(1025) },
      'invalid_request',
      '/publicKey',
    ],
  ])('are not made of %s', async (_what, body, code, pointer) => {
    const answer = await call('POST', '/v1/api-keys', body);
    expect([answer.statusCode, answer.json().code]).toEqual([400, code]);
    if (pointer !== '') expect(answer.json().errors[0].pointer).toBe(pointer);
    expect(services.apiKeys.orders).toEqual([]);
  });

  it.each([
    { overlapSeconds: -1 },
    { overlapSeconds: '5' },
    { overlapSeconds: 2_592_001 },
    { overlap: 5 },
  ])('are not rotated by %j', async (body) => {
    const answer = await call('POST', `/v1/api-keys/${NOWHERE}/rotate`, body);
    expect(answer.statusCode).toBe(400);
    expect(services.apiKeys.overlaps).toEqual([]);
  });
});
