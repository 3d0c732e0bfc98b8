import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refuse, silentLog } from '../../../base/kernel/index.ts';
import { FakeServices } from '../fixtures/services.fixture.ts';
import { transferView } from '../fixtures/views.fixture.ts';
import { buildServer } from '../server.ts';

let services: FakeServices;
let app: FastifyInstance;

beforeEach(async () => {
  services = new FakeServices();
  app = await buildServer({ services, log: silentLog, version: '0', bodyLimitBytes: 65_536 });
});
afterEach(() => app.close());

const authorization = 'Bearer all';
const read = (url: string) => app.inject({ url, headers: { authorization } });

function deposit(key: string | undefined, payload: object) {
  const idempotency = key === undefined ? {} : { 'idempotency-key': key };
  return app.inject({
    method: 'POST',
    url: '/v1/deposits',
    headers: { authorization, ...idempotency },
    payload,
  });
}

describe('POST /v1/deposits', () => {
  it('answers 201, and again with the first one on a replay', async () => {
    const first = await deposit('d-1', { account: 'alice' });
    expect(first.statusCode).toBe(201);
    expect(first.headers['idempotent-replayed']).toBeUndefined();
    const again = await deposit('d-1', { account: 'alice' });
    expect(again.statusCode).toBe(201);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(again.json()).toEqual(first.json());
  });

  it('needs a key and hands refusals on', async () => {
    expect((await deposit(undefined, {})).json().code).toBe('idempotency_key_required');
    const refusal = refuse('external_id_conflict', 'The reference is taken.');
    services.refusals['taken'] = { refusal, replayed: false };
    const answer = await deposit('d-2', { refuse: 'taken' });
    expect(answer.statusCode).toBe(409);
    expect(answer.json().code).toBe('external_id_conflict');
  });
});

describe('GET /v1/accounts/{account}/balances', () => {
  it('answers per asset, also for a point in time', async () => {
    const now = await read('/v1/accounts/alice/balances');
    expect(now.json()).toMatchObject({
      account: 'alice',
      balances: [{ asset: 'USDC', posted: '100', reserved: '30', available: '70' }],
    });
    expect(services.lastAt).toBeNull();
    await read('/v1/accounts/alice/balances?at=2026-01-31T12:00:00%2B01:00');
    expect(services.lastAt?.toISOString()).toBe('2026-01-31T11:00:00.000Z');
  });

  it.each([
    'at=yesterday',
    'at=2026-13-01T00:00:00Z',
    'at=2026-02-30T00:00:00Z',
    'at=2026-01-31',
    'when=now',
  ])('refuses %s', async (query) => {
    expect((await read(`/v1/accounts/alice/balances?${query}`)).statusCode).toBe(400);
  });

  it.each(['nobody', 'n%C3%A4me', 'a'.repeat(129), 'a%2Fb'])(
    'answers account_not_found for %s',
    async (account) => {
      for (const list of ['balances', 'transfers']) {
        const answer = await read(`/v1/accounts/${account}/${list}`);
        expect(answer.statusCode).toBe(404);
        expect(answer.json().code).toBe('account_not_found');
      }
    },
  );

  it('takes an account name of 128 characters', async () => {
    const answer = await read(`/v1/accounts/${'a:'.repeat(64)}/balances`);
    expect(answer.json().code).toBe('account_not_found');
  });
});

describe('GET /v1/accounts/{account}/transfers', () => {
  it('pages, and its cursor is for this account only', async () => {
    services.statement = [transferView(), transferView(), transferView()];
    const first = (await read('/v1/accounts/alice/transfers?limit=2')).json();
    expect(first.transfers).toEqual(services.statement.slice(0, 2));
    const next = (await read(`/v1/accounts/alice/transfers?limit=2&cursor=${first.cursor}`)).json();
    expect(next).toEqual({ transfers: services.statement.slice(2), cursor: null });
    const other = await read(`/v1/accounts/bob/transfers?cursor=${first.cursor}`);
    expect(other.json().code).toBe('invalid_cursor');
  });
});
