import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refuse, silentLog } from '../../../base/kernel/index.ts';
import { FakeServices } from '../fixtures/services.fixture.ts';
import { buildServer } from '../server.ts';

let services: FakeServices;
let app: FastifyInstance;
beforeEach(async () => {
  services = new FakeServices();
  app = await buildServer({ services, log: silentLog, version: '0', bodyLimitBytes: 65_536 });
});
afterEach(() => app.close());

const call = (method: 'GET' | 'POST', url: string, payload?: object, key = 'all') =>
  app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${key}` },
    ...(payload === undefined ? {} : { payload }),
  });

describe('/v1/wallets', () => {
  it("lists and reads the tenant's own, whole", async () => {
    expect((await call('GET', '/v1/wallets')).json()).toEqual({
      wallets: [services.wallets.wallet],
    });
    expect((await call('GET', '/v1/wallets/1')).json()).toEqual(services.wallets.wallet);
    expect((await call('GET', '/v1/wallets', undefined, 'other')).json()).toEqual({ wallets: [] });
  });

  it('pauses with the key that did it, and resumes', async () => {
    const paused = await call('POST', '/v1/wallets/1/pause', { reason: 'key rotation' });
    expect(paused.json()).toMatchObject({
      paused: { reason: 'operator', by: 'API key k1', note: 'key rotation' },
    });
    const resumed = await call('POST', '/v1/wallets/1/resume', { reason: 'done' });
    expect(resumed.json()).toMatchObject({ paused: null });
  });

  it('hands on that a lane opens by adoption only', async () => {
    services.wallets.refusal = refuse('lane_frozen', 'Lane 1 is closed.');
    const answer = await call('POST', '/v1/wallets/1/resume', { reason: 'please' });
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'lane_frozen']);
  });

  it('sweeps with the key that asked for it, and lists proposals', async () => {
    const swept = await call('POST', '/v1/wallets/1/sweep');
    expect(swept.statusCode).toBe(202);
    expect(swept.json()).toEqual({
      moves: [{ id: 'API key k1', kind: 'sweep', from: '1', to: '2', asset: 'USDC', amount: '7' }],
    });
    expect((await call('POST', '/v1/wallets/1/sweep', {})).statusCode).toBe(202);
    expect((await call('GET', '/v1/wallets/rebalancing')).json()).toEqual({
      proposals: [{ from: '2', to: '1', asset: 'ETH', amount: '1' }],
    });
  });

  it('says why a wallet can not be swept', async () => {
    services.wallets.refusal = refuse('not_sweepable', 'Wallet 1 is paused (operator).', {
      members: { reason: 'paused' },
    });
    const answer = await call('POST', '/v1/wallets/1/sweep');
    expect([answer.statusCode, answer.json()]).toMatchObject([
      409,
      { code: 'not_sweepable', reason: 'paused' },
    ]);
  });

  it.each<[string, 'GET' | 'POST', string, object | undefined, string, number, string]>([
    ['unknown', 'GET', '/v1/wallets/2', undefined, 'all', 404, 'not_found'],
    ['no id', 'GET', '/v1/wallets/x', undefined, 'all', 404, 'not_found'],
    ["another tenant's", 'POST', '/v1/wallets/1/pause', { reason: 'x' }, 'other', 404, 'not_found'],
    ['a filter', 'GET', '/v1/wallets?chain=1', undefined, 'all', 400, 'unknown_field'],
    ['no body', 'POST', '/v1/wallets/1/pause', undefined, 'all', 400, 'invalid_json'],
    ['no reason', 'POST', '/v1/wallets/1/pause', {}, 'all', 400, 'invalid_request'],
    ['no word', 'POST', '/v1/wallets/1/pause', { reason: '' }, 'all', 400, 'invalid_request'],
    [
      'more than a reason',
      'POST',
      '/v1/wallets/1/resume',
      { reason: 'x', force: true },
      'all',
      400,
      'unknown_field',
    ],
    ['a sweep of nothing', 'POST', '/v1/wallets/2/sweep', undefined, 'all', 404, 'not_found'],
    [
      'a sweep with wishes',
      'POST',
      '/v1/wallets/1/sweep',
      { asset: 'x' },
      'all',
      400,
      'unknown_field',
    ],
    ['a sweep of a list', 'POST', '/v1/wallets/1/sweep', [1], 'all', 400, 'unknown_field'],
    ['without the right', 'GET', '/v1/wallets', undefined, 'none', 403, 'missing_scope'],
    ['without a key', 'GET', '/v1/wallets', undefined, 'x', 401, 'unauthenticated'],
  ])('refuses %s', async (_, method, url, payload, key, status, code) => {
    const answer = await call(method, url, payload, key);
    expect([answer.statusCode, answer.json().code]).toEqual([status, code]);
    expect(services.wallets.wallet.paused).toBeNull();
  });
});
