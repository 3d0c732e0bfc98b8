import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refuse, silentLog } from '../../../base/kernel/index.ts';
import { FakeServices } from '../fixtures/services.fixture.ts';
import { buildServer } from '../server.ts';

let services: FakeServices;
let app: FastifyInstance;

beforeEach(async () => {
  services = new FakeServices();
  const options = { services, log: silentLog, version: '0', bodyLimitBytes: 1_048_576 };
  app = await buildServer(options);
});
afterEach(() => app.close());

const headers = { authorization: 'Bearer all', 'content-type': 'application/json' };
const order = { account: 'alice', asset: 'USDC', amount: '12.5', to: `0x${'ab'.repeat(20)}` };

async function create(): Promise<{ id: string }> {
  const url = '/v1/withdrawals';
  const payload = JSON.stringify(order);
  const keyed = { ...headers, 'idempotency-key': 'a' };
  return (await app.inject({ method: 'POST', url, headers: keyed, payload })).json();
}

describe('POST /v1/withdrawals/{id}/cancel', () => {
  const cancel = (id: string, more: object = {}) =>
    app.inject({ method: 'POST', url: `/v1/withdrawals/${id}/cancel`, headers, ...more });

  it('needs no body and no key', async () => {
    const { id } = await create();
    expect((await cancel(id)).json().status).toBe('CANCELLED');
    expect((await cancel(id, { payload: '{}' })).statusCode).toBe(200);
    const bare = { authorization: 'Bearer all' };
    expect((await cancel(id, { headers: bare })).statusCode).toBe(200);
    expect((await cancel(id, { payload: '{"force":true}' })).json().code).toBe('unknown_field');
  });

  it('answers 202 while the chain has not decided', async () => {
    const { id } = await create();
    services.cancelAnswer = {
      ...services.withdrawals[0]!,
      status: 'BROADCASTED',
      waiting: { reason: 'cancelling', detail: null },
    };
    const answer = await cancel(id);
    expect([answer.statusCode, answer.json().waiting]).toEqual([
      202,
      { reason: 'cancelling', detail: null },
    ]);
  });

  it('answers 409 when it is too late and 404 for what is not there', async () => {
    const { id } = await create();
    services.cancelAnswer = refuse('not_cancellable', 'Block 7 holds it.');
    const late = await cancel(id);
    expect(late.statusCode).toBe(409);
    expect(late.json().code).toBe('not_cancellable');
    expect((await cancel('01890000-0000-7000-8000-00000000000a')).statusCode).toBe(404);
    expect((await cancel('no-uuid')).statusCode).toBe(404);
  });
});

describe('POST /v1/withdrawals/{id}/speed-up', () => {
  const speedUp = (id: string, more: object = {}) =>
    app.inject({
      method: 'POST',
      url: `/v1/withdrawals/${id}/speed-up`,
      headers: { ...headers, 'idempotency-key': 'k' },
      ...more,
    });

  it('hands key and body on, which may be missing, and answers 202', async () => {
    const { id } = await create();
    const plain = await speedUp(id, { headers: { ...headers, 'idempotency-key': 'one' } });
    expect([plain.statusCode, plain.json().id]).toEqual([202, id]);
    await speedUp(id.toUpperCase(), { payload: '{"maxFeePerGasGwei":"5"}' });
    expect(services.speedUps.map(({ idempotencyKey, body }) => [idempotencyKey, body])).toEqual([
      ['one', undefined],
      ['k', { maxFeePerGasGwei: '5' }],
    ]);
  });

  it('needs a key and a withdrawal', async () => {
    const { id } = await create();
    const keyless = await speedUp(id, { headers });
    expect(keyless.json().code).toBe('idempotency_key_required');
    const bad = await speedUp(id, { headers: { ...headers, 'idempotency-key': 'a b' } });
    expect(bad.json().code).toBe('idempotency_key_invalid');
    expect((await speedUp('01890000-0000-7000-8000-00000000000a')).statusCode).toBe(404);
    expect((await speedUp('no-uuid')).statusCode).toBe(404);
    expect(services.speedUps).toHaveLength(1);
  });
});
