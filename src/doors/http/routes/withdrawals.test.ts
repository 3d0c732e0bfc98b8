import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refuse, silentLog, Transient, UnknownOutcome } from '../../../base/kernel/index.ts';
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

function create(key: string | undefined, payload: unknown = order, more = {}) {
  return app.inject({
    method: 'POST',
    url: '/v1/withdrawals',
    headers: { ...headers, ...(key !== undefined && { 'idempotency-key': key }), ...more },
    payload: JSON.stringify(payload),
  });
}

function batch(payload: unknown) {
  const body = JSON.stringify(payload);
  return app.inject({ method: 'POST', url: '/v1/withdrawals/batch', headers, payload: body });
}

const read = (url: string, bearer = 'all') =>
  app.inject({ url, headers: { authorization: `Bearer ${bearer}` } });

describe('POST /v1/withdrawals', () => {
  it('answers 202 with the whole withdrawal and where it is', async () => {
    const answer = await create('pay-1', order, { 'correlation-id': 'c-1' });
    expect(answer.statusCode).toBe(202);
    const { tenantId: _, ...stored } = services.withdrawals[0]!;
    expect(answer.json()).toEqual(stored);
    expect(answer.headers.location).toBe(`/v1/withdrawals/${stored.id}`);
    expect(answer.headers['idempotent-replayed']).toBeUndefined();
    expect(services.submitted).toEqual([
      [{ idempotencyKey: 'pay-1', body: order, correlationId: 'c-1', initiatedBy: 'k1' }],
    ]);
  });

  it('marks a replay, whose body keeps the first correlation id', async () => {
    await create('pay-1', order, { 'correlation-id': 'first' });
    const again = await create('pay-1', order, { 'correlation-id': 'second' });
    expect(again.statusCode).toBe(202);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(again.headers['correlation-id']).toBe('second');
    expect(again.json().correlationId).toBe('first');
  });

  it('answers a refusal with its members and marks a stored one', async () => {
    const members = { available: '1', required: '13' };
    const refusal = refuse('insufficient_balance', 'Not enough.', { members });
    services.refusals['poor'] = { refusal, replayed: true };
    const answer = await create('pay-1', { refuse: 'poor' });
    expect(answer.statusCode).toBe(422);
    expect(answer.headers['idempotent-replayed']).toBe('true');
    expect(answer.json()).toMatchObject({
      code: 'insufficient_balance',
      outcome: 'none',
      ...members,
    });
  });

  it('lists every fault that the parser found', async () => {
    const faults = [
      { pointer: '/amount', code: 'invalid_amount' as const, got: '12', expected: 'a string' },
      { pointer: '/colour', code: 'unknown_field' as const, got: 'colour', expected: 'nothing' },
    ];
    const refusal = refuse('invalid_amount', 'Two faults.', { faults });
    services.refusals['bad'] = { refusal, replayed: false };
    const answer = await create('pay-1', { refuse: 'bad' });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors).toEqual(faults);
    expect(answer.headers['idempotent-replayed']).toBeUndefined();
  });

  it('hands any JSON to the parser as it came', async () => {
    await create('pay-1', [1, 'two']);
    expect(services.submitted[0]?.[0]?.body).toEqual([1, 'two']);
  });

  it.each([undefined, ''])('answers idempotency_key_required to %j', async (key) => {
    const answer = await create(key);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().code).toBe('idempotency_key_required');
    expect(services.submitted).toEqual([]);
  });

  it.each(['k'.repeat(256), 'two words', 'schl\u00fcssel', 'a, a'])(
    'answers idempotency_key_invalid to %j',
    async (key) => {
      const answer = await create(key);
      expect(answer.statusCode).toBe(400);
      expect(answer.json().code).toBe('idempotency_key_invalid');
    },
  );

  it('takes a key of 255 visible characters', async () => {
    expect((await create(`!~${'k'.repeat(253)}`)).statusCode).toBe(202);
  });

  it('tells apart nothing happened and nobody knows', async () => {
    const principal = services.authenticate('all');
    services.authenticate = () => principal;
    services.fault = new Transient('down');
    expect((await create('k')).json()).toMatchObject({ code: 'unavailable', outcome: 'none' });
    services.fault = new UnknownOutcome('commit');
    expect((await create('k')).json()).toMatchObject({ code: 'unavailable', outcome: 'unknown' });
  });
});

describe('POST /v1/withdrawals/batch', () => {
  it('answers each item in order, good ones and bad ones', async () => {
    const refusal = refuse('unknown_asset', 'No such asset.');
    services.refusals['bad'] = { refusal, replayed: false };
    const answer = await batch({
      withdrawals: [
        { idempotencyKey: 'a', ...order },
        { ...order },
        { idempotencyKey: 'b c', ...order },
        { idempotencyKey: 7, ...order },
        { idempotencyKey: 'd', refuse: 'bad' },
        'nonsense',
        { idempotencyKey: 'a', ...order },
      ],
    });
    expect(answer.statusCode).toBe(202);
    const results = answer.json().results as {
      status: number;
      replayed: boolean;
      withdrawal?: { id: string };
      problem?: { code: string; errors?: unknown[] };
    }[];
    expect(results.map((one) => [one.status, one.replayed, one.problem?.code])).toEqual([
      [202, false, undefined],
      [400, false, 'idempotency_key_required'],
      [400, false, 'idempotency_key_invalid'],
      [400, false, 'idempotency_key_invalid'],
      [422, false, 'unknown_asset'],
      [400, false, 'invalid_request'],
      [202, true, undefined],
    ]);
    expect(results[6]?.withdrawal?.id).toBe(results[0]?.withdrawal?.id);
    expect(results[5]?.problem?.errors).toHaveLength(1);
    expect(services.submitted[0]?.[0]?.body).toEqual(order);
  });

  it('asks nothing of the rooms when no item has a key', async () => {
    const answer = await batch({ withdrawals: [order] });
    expect(answer.statusCode).toBe(202);
    expect(services.submitted).toEqual([]);
  });

  it.each([
    [{ withdrawals: [] }, 'batch_empty'],
    [{ withdrawals: Array.from({ length: 1001 }, () => ({})) }, 'batch_too_large'],
    [{ withdrawals: 'x' }, 'invalid_request'],
    [{}, 'invalid_request'],
    [[], 'invalid_request'],
    [{ withdrawals: [order], atomic: true }, 'unknown_field'],
  ])('refuses a whole batch (%#)', async (payload, code) => {
    const answer = await batch(payload);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().code).toBe(code);
  });
});

describe('GET /v1/withdrawals', () => {
  it('pages with a cursor, newest first, until null', async () => {
    for (const key of ['a', 'b', 'c']) await create(key);
    const first = (await read('/v1/withdrawals?limit=2')).json();
    expect(first.withdrawals.map((one: { idempotencyKey: string }) => one.idempotencyKey)).toEqual([
      'c',
      'b',
    ]);
    const second = (await read(`/v1/withdrawals?limit=2&cursor=${first.cursor}`)).json();
    expect(second.withdrawals).toHaveLength(1);
    expect(second.cursor).toBeNull();
  });

  it('hands every filter on, hex in lower case', async () => {
    const slot = `31337:0x${'AB'.repeat(20)}:7`;
    const query = `idempotencyKey=k%2F1&externalId=e%201&txHash=0x${'AB'.repeat(32)}&nonceKey=${slot}&attemptId=01890000-0000-7000-8000-00000000000A&account=al&status=SAFE`;
    expect((await read(`/v1/withdrawals?${query}`)).statusCode).toBe(200);
    expect(services.lastFilter).toEqual({
      idempotencyKey: 'k/1',
      externalId: 'e 1',
      txHash: `0x${'ab'.repeat(32)}`,
      nonceKey: slot.toLowerCase(),
      attemptId: '01890000-0000-7000-8000-00000000000a',
      account: 'al',
      status: 'SAFE',
    });
  });

  it.each([
    ['colour=red', 'unknown_field'],
    ['limit=0', 'invalid_request'],
    ['limit=201', 'invalid_request'],
    ['limit=1.5', 'invalid_request'],
    ['limit=1&limit=2', 'invalid_request'],
    ['status=reserved', 'invalid_request'],
    ['txHash=0x12', 'invalid_request'],
    ['externalId=%00', 'invalid_request'],
    ['account=', 'invalid_request'],
    ['cursor=', 'invalid_cursor'],
    ['cursor=abc', 'invalid_cursor'],
    ['cursor=***', 'invalid_cursor'],
  ])('answers %s with %s', async (query, code) => {
    const answer = await read(`/v1/withdrawals?${query}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().code).toBe(code);
  });

  it('lists all faults of one query', async () => {
    const problem = (await read('/v1/withdrawals?limit=x&colour=red&status=y')).json();
    expect(problem.code).toBe('unknown_field');
    expect(problem.errors).toHaveLength(3);
  });

  it('refuses a cursor of another tenant and of another list', async () => {
    for (const key of ['a', 'b']) await create(key);
    const { cursor } = (await read('/v1/withdrawals?limit=1')).json();
    const stranger = await read(`/v1/withdrawals?cursor=${cursor}`, 'other');
    expect(stranger.json().code).toBe('invalid_cursor');
    const events = await read(`/v1/events?after=${cursor}`);
    expect(events.json().code).toBe('invalid_cursor');
    const statement = await read(`/v1/accounts/alice/transfers?cursor=${cursor}`);
    expect(statement.json().code).toBe('invalid_cursor');
  });
});

describe('GET /v1/withdrawals/{id}', () => {
  it('finds it by its id in any case, for its tenant only', async () => {
    const { id } = (await create('a')).json();
    expect((await read(`/v1/withdrawals/${id.toUpperCase()}`)).json().id).toBe(id);
    const stranger = await read(`/v1/withdrawals/${id}`, 'other');
    expect(stranger.statusCode).toBe(404);
    expect(stranger.json().code).toBe('not_found');
    expect((await read('/v1/withdrawals/no-uuid')).json().code).toBe('not_found');
  });

  it('waits for a stage', async () => {
    const { id } = (await create('a')).json();
    const waiting = read(`/v1/withdrawals/${id}?waitFor=COMPLETED`);
    await until(() => services.reached.size === 1);
    services.withdrawals[0]!.status = 'COMPLETED';
    for (const reached of services.reached) reached();
    expect((await waiting).json().status).toBe('COMPLETED');
  });

  it('answers the present state when the time is over', async () => {
    const { id } = (await create('a')).json();
    const answer = await read(`/v1/withdrawals/${id}?waitFor=COMPLETED&timeoutMs=0`);
    expect(answer.json().status).toBe('RESERVED');
  });

  it('gives nothing to a key that was revoked while it waited', async () => {
    const { id } = (await create('a')).json();
    const waiting = read(`/v1/withdrawals/${id}?waitFor=COMPLETED`);
    await until(() => services.reached.size === 1);
    delete services.keys['all'];
    for (const reached of services.reached) reached();
    expect((await waiting).statusCode).toBe(401);
  });

  it.each(['waitFor=DONE', 'waitFor=SAFE&timeoutMs=60001', 'timeoutMs=-1', 'x=1'])(
    'refuses %s',
    async (query) => {
      const { id } = (await create('a')).json();
      expect((await read(`/v1/withdrawals/${id}?${query}`)).statusCode).toBe(400);
    },
  );
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
