import { connect } from 'node:net';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Invariant,
  type Log,
  type LogFields,
  type Network,
  parseNetwork,
  silentLog,
  systemClock,
  Transient,
  UnknownOutcome,
} from '../../base/kernel/index.ts';
import { RateLimiter } from '../../books/access/index.ts';
import { principalOf } from './fixtures/api-keys.fixture.ts';
import { FakeServices, TENANT } from './fixtures/services.fixture.ts';
import { buildServer } from './server.ts';

let services: FakeServices;
let app: FastifyInstance;
let logged: LogFields[];

beforeEach(async () => {
  services = new FakeServices();
  logged = [];
  const log: Log = { ...silentLog, error: (fields) => logged.push(fields) };
  app = await buildServer({ services, log, version: '0.0.0', bodyLimitBytes: 2048 });
});
afterEach(() => app.close());

const auth = { authorization: 'Bearer all' };

function post(url: string, options: { headers?: Record<string, string>; payload?: string } = {}) {
  return app.inject({
    method: 'POST',
    url,
    headers: { ...auth, 'content-type': 'application/json', ...options.headers },
    ...(options.payload !== undefined && { payload: options.payload }),
  });
}

function expectProblem(answer: LightMyRequestResponse, status: number, code: string) {
  expect(answer.statusCode).toBe(status);
  expect(answer.headers['content-type']).toMatch('application/problem+json');
  const problem = answer.json();
  expect(problem).toMatchObject({ status, code, type: `/docs/errors#${code}` });
  expect(problem.correlationId).toBe(answer.headers['correlation-id']);
  expect(problem.title).not.toBe('');
  expect(problem.detail).not.toBe('');
  return problem;
}

describe('correlation id', () => {
  it('comes back when the client sent one of visible ASCII', async () => {
    const answer = await app.inject({ url: '/healthz', headers: { 'correlation-id': 'order-7' } });
    expect(answer.headers['correlation-id']).toBe('order-7');
  });

  it.each(['has space', 'x'.repeat(129), ''])('is made when the client sent %j', async (given) => {
    const answer = await app.inject({ url: '/healthz', headers: { 'correlation-id': given } });
    expect(answer.headers['correlation-id']).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('secure headers', () => {
  it('are on every answer, problems too', async () => {
    for (const url of ['/healthz', '/v1/withdrawals', '/nowhere']) {
      const { headers } = await app.inject({ url });
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['cache-control']).toBe('no-store');
    }
  });
});

describe('keys and scopes', () => {
  const one = { detail: expect.any(String), outcome: 'none', retryable: false };

  it('gives one answer for a missing, malformed and unknown key', async () => {
    const answers = [];
    for (const authorization of [
      undefined,
      'Basic YTpi',
      'Bearer',
      'Bearer a b',
      'Bearer nobody',
    ]) {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await app.inject({ url: '/v1/chains', headers });
      answers.push(expectProblem(answer, 401, 'unauthenticated'));
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    }
    expect(new Set(answers.map(({ detail }) => detail)).size).toBe(1);
    expect(answers[0]).toMatchObject(one);
  });

  it('takes the scheme in any case and a key that is looked up', async () => {
    services.slowKeys = true;
    const headers = { authorization: 'bearer all' };
    expect((await app.inject({ url: '/v1/chains', headers })).statusCode).toBe(200);
    const unknown = await app.inject({ url: '/v1/chains', headers: { authorization: 'Bearer x' } });
    expectProblem(unknown, 401, 'unauthenticated');
  });

  it('answers 503 when the key can not be looked up', async () => {
    services.fault = new Transient('connect ECONNREFUSED db.internal:5432');
    expectProblem(await app.inject({ url: '/v1/chains', headers: auth }), 503, 'unavailable');
  });

  it('lets nobody in when the judgement of a key that was looked up fails', async () => {
    services.slowKeys = true;
    services.rateLimits.take = () => {
      throw new Error('secret of ours');
    };
    expectProblem(await app.inject({ url: '/v1/chains', headers: auth }), 500, 'internal');
  });

  it('lets nobody in when the look-up fails without saying how', async () => {
    services.authenticate = () => Promise.reject(undefined);
    expectProblem(await app.inject({ url: '/v1/chains', headers: auth }), 500, 'internal');
  });

  it.each([
    ['POST', '/v1/withdrawals', 'withdrawals:create'],
    ['POST', '/v1/withdrawals/batch', 'withdrawals:create'],
    ['POST', '/v1/withdrawals/x/cancel', 'withdrawals:create'],
    ['GET', '/v1/withdrawals', 'withdrawals:read'],
    ['GET', '/v1/withdrawals/x', 'withdrawals:read'],
    ['POST', '/v1/deposits', 'ledger:credit'],
    ['GET', '/v1/accounts/alice/balances', 'ledger:read'],
    ['GET', '/v1/accounts/alice/transfers', 'ledger:read'],
    ['GET', '/v1/events', 'events:read'],
    ['GET', '/v1/chains', 'admin:chains:read'],
    ['GET', '/v1/wallets', 'admin:lanes:read'],
    ['GET', '/v1/api-keys', 'admin:keys'],
  ] as const)('%s %s names the scope it misses', async (method, url, scope) => {
    const headers = { authorization: 'Bearer none' };
    const problem = expectProblem(await app.inject({ method, url, headers }), 403, 'missing_scope');
    expect(problem.detail).toContain(scope);
    expect(problem.scope).toBe(scope);
  });

  it('does not let one scope stand for another', async () => {
    services.keys['reader'] = principalOf('t', 'k', ['withdrawals:read', 'admin']);
    const headers = { authorization: 'Bearer reader', 'content-type': 'application/json' };
    const created = await app.inject({ method: 'POST', url: '/v1/withdrawals', headers });
    expectProblem(created, 403, 'missing_scope');
    const events = await app.inject({ url: '/v1/events', headers });
    expectProblem(events, 403, 'missing_scope');
  });
});

describe('where a key is used', () => {
  const networks = [parseNetwork('192.0.2.0/24') as Network];
  const use = (app: FastifyInstance, headers: Record<string, string> = {}) =>
    app.inject({
      url: '/v1/chains',
      remoteAddress: '10.1.2.3',
      headers: { authorization: 'Bearer bound', ...headers },
    });

  it('is refused outside of its networks, whatever a client says of itself', async () => {
    services.keys['bound'] = principalOf(TENANT, 'k', ['admin'], { networks });
    const forged = { 'x-forwarded-for': '192.0.2.7', forwarded: 'for=192.0.2.7' };
    const problem = expectProblem(await use(app, forged), 403, 'address_not_allowed');
    expect(problem).toMatchObject({ address: '10.1.2.3', outcome: 'none' });
    expect(services.uses).toEqual([]);
  });

  it('is told by a trusted proxy, and by the last one that is not', async () => {
    services.keys['bound'] = principalOf(TENANT, 'k', ['admin'], { networks });
    const behind = await buildServer({
      ...{ services, log: silentLog, version: '0', bodyLimitBytes: 1024 },
      trustedProxies: ['10.0.0.0/8'],
    });
    const good = await use(behind, { 'x-forwarded-for': '203.0.113.1, 192.0.2.7, 10.9.9.9' });
    expect(good.statusCode).toBe(200);
    expect(services.uses).toEqual([{ keyId: 'k', ip: '192.0.2.7' }]);
    const bad = await use(behind, { 'x-forwarded-for': '192.0.2.7, 203.0.113.1' });
    expectProblem(bad, 403, 'address_not_allowed');
    expectProblem(await use(behind, { 'x-forwarded-for': 'nonsense' }), 403, 'address_not_allowed');
    await behind.close();
  });
});

describe('rate limits', () => {
  const rate = { requestsPerSecond: 1, burst: 2 };
  const tenant = { requestsPerSecond: 100, burst: 250 };
  const use = () => app.inject({ url: '/v1/chains', headers: auth });

  it('are told with every answer, and refuse with the time to wait', async () => {
    const clock = { ...systemClock, monotonic: () => 0 };
    services.rateLimits = new RateLimiter({ clock, key: rate, tenant });
    const answers = [await use(), await use(), await use()];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 429]);
    expect(answers.map(({ headers }) => headers['ratelimit-policy'])).toEqual(
      Array(3).fill('"key";q=2;w=2, "tenant";q=250;w=3'),
    );
    expect(answers.map(({ headers }) => headers['ratelimit'])).toEqual([
      '"key";r=1;t=1, "tenant";r=249;t=1',
      '"key";r=0;t=2, "tenant";r=248;t=1',
      '"key";r=0;t=2, "tenant";r=248;t=1',
    ]);
    const problem = expectProblem(answers[2]!, 429, 'rate_limited');
    expect(problem).toMatchObject({ retryable: true, outcome: 'none' });
    expect(answers[2]!.headers['retry-after']).toBe('1');
  });

  it('count each withdrawal of a batch, and nothing of who is not let in', async () => {
    const key = { requestsPerSecond: 1, burst: 1 };
    services.rateLimits = new RateLimiter({ clock: systemClock, key, tenant: null });
    const headers = { authorization: 'Bearer none' };
    for (let n = 0; n < 3; n += 1) {
      expectProblem(await app.inject({ url: '/v1/chains', headers }), 403, 'missing_scope');
    }
    const items = Array.from({ length: 30 }, (_, n) => ({ idempotencyKey: `k${n}` }));
    const batch = await post('/v1/withdrawals/batch', {
      payload: JSON.stringify({ withdrawals: items }),
    });
    expect(batch.statusCode).toBe(202);
    const after = await use();
    expectProblem(after, 429, 'rate_limited');
    expect(after.headers['retry-after']).toBe('30');
  });

  it('are not spoken of where there are none', async () => {
    const { headers } = await use();
    expect(headers['ratelimit']).toBeUndefined();
    expect(headers['ratelimit-policy']).toBeUndefined();
  });
});

describe('what is no request of ours', () => {
  it('answers 404 at unknown paths without asking for a key or reading the body', async () => {
    expectProblem(await app.inject({ url: '/nope' }), 404, 'not_found');
    const answer = await post('/v1/nope', { payload: '{broken' });
    expectProblem(answer, 404, 'not_found');
  });

  it('answers 405 with what is allowed', async () => {
    const answer = await app.inject({ method: 'DELETE', url: '/v1/withdrawals' });
    expectProblem(answer, 405, 'invalid_request');
    expect(answer.headers.allow).toBe('POST, GET, HEAD');
    const batch = await app.inject({ method: 'PUT', url: '/v1/withdrawals/batch', payload: 'x' });
    expectProblem(batch, 405, 'invalid_request');
  });

  it('answers broken percent-encoding and endless ids', async () => {
    expectProblem(
      await app.inject({ url: '/v1/withdrawals/%ff', headers: auth }),
      400,
      'invalid_request',
    );
    const long = `/v1/withdrawals/${'a'.repeat(600)}`;
    expectProblem(await app.inject({ url: long, headers: auth }), 404, 'not_found');
  });

  it.each(['{', '', 'nothing', '{"a":1,}', '{"__proto__":{"x":1}}'])(
    'answers invalid_json to %j',
    async (payload) => {
      const answer = await post('/v1/withdrawals', {
        headers: { 'idempotency-key': 'k' },
        payload,
      });
      expectProblem(answer, 400, 'invalid_json');
    },
  );

  it('answers invalid_json to bytes that are not UTF-8', async () => {
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/withdrawals',
      headers: { ...auth, 'idempotency-key': 'k', 'content-type': 'application/json' },
      payload: Buffer.from([0x22, 0xc3, 0x28, 0x22]),
    });
    expectProblem(answer, 400, 'invalid_json');
  });

  it.each(['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'nonsense'])(
    'answers 415 to %s',
    async (type) => {
      const headers = { 'content-type': type, 'idempotency-key': 'k' };
      const answer = await post('/v1/withdrawals', { headers, payload: '{}' });
      expectProblem(answer, 415, 'unsupported_media_type');
    },
  );

  it('answers 413 and names the limit', async () => {
    const payload = JSON.stringify({ metadata: { text: 'x'.repeat(3000) } });
    const headers = { 'idempotency-key': 'k' };
    const problem = expectProblem(
      await post('/v1/withdrawals', { headers, payload }),
      413,
      'body_too_large',
    );
    expect(problem.detail).toContain('2048');
  });

  it('answers what is no HTTP with a problem and closes', async () => {
    const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }));
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(Number(url.port), url.hostname, () => socket.write('HELLO\r\n\r\n'));
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('"code":"invalid_request"');
  });
});

describe('faults', () => {
  const read = () => app.inject({ url: '/v1/withdrawals', headers: auth });

  it('tells a transient fault as 503 with outcome none', async () => {
    const authenticate = services.authenticate('all');
    services.authenticate = () => authenticate;
    services.fault = new Transient('connect ECONNREFUSED db.internal:5432');
    const answer = await read();
    const problem = expectProblem(answer, 503, 'unavailable');
    expect(problem).toMatchObject({ outcome: 'none', retryable: true });
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.body).not.toContain('db.internal');
  });

  it('tells an unknown outcome as 503 with outcome unknown', async () => {
    const authenticate = services.authenticate('all');
    services.authenticate = () => authenticate;
    services.fault = new UnknownOutcome('COMMIT was not answered');
    const problem = expectProblem(await read(), 503, 'unavailable');
    expect(problem).toMatchObject({ outcome: 'unknown', retryable: true });
  });

  it.each([
    new Error('secret of ours'),
    new TypeError('secret of ours'),
    new Invariant('state_move_refused', 'secret of ours'),
    'secret of ours',
    null,
    undefined,
  ])('tells %s as internal with outcome unknown and keeps the message', async (fault) => {
    services.list = () => Promise.reject(fault);
    const answer = await read();
    const problem = expectProblem(answer, 500, 'internal');
    expect(problem).toMatchObject({ outcome: 'unknown', retryable: true });
    expect(answer.body).not.toContain('secret');
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatchObject({ correlationId: answer.headers['correlation-id'] });
  });

  it('tells an answer that can not be serialised as internal', async () => {
    services.get = async () => ({}) as never;
    const url = '/v1/withdrawals/01890000-0000-7000-8000-00000000000a';
    expectProblem(await app.inject({ url, headers: auth }), 500, 'internal');
  });
});

describe('operations', () => {
  it('says that the process runs', async () => {
    expect((await app.inject({ url: '/healthz' })).json()).toEqual({ status: 'ok' });
    expect((await app.inject({ method: 'HEAD', url: '/healthz' })).statusCode).toBe(200);
  });

  it('tells readiness with its checks by 200 and 503', async () => {
    const good = await app.inject({ url: '/readyz' });
    expect(good.statusCode).toBe(200);
    expect(good.json()).toEqual({
      ready: true,
      checks: { database: { ok: true, detail: 'reachable' } },
    });
    services.ready = false;
    expect((await app.inject({ url: '/readyz' })).statusCode).toBe(503);
    services.fault = new Error('secret of ours');
    const broken = await app.inject({ url: '/readyz' });
    expect(broken.statusCode).toBe(503);
    expect(broken.body).not.toContain('secret');
  });

  it('lists the chains for an admin', async () => {
    const answer = await app.inject({ url: '/v1/chains', headers: auth });
    expect(answer.json()).toEqual({ chains: [{ id: 'local', latest: '12' }] });
    const strange = await app.inject({ url: '/v1/chains?x=1', headers: auth });
    expectProblem(strange, 400, 'unknown_field');
  });

  it('writes one line per request when access logs are on', async () => {
    const lines: LogFields[] = [];
    const log: Log = { ...silentLog, info: (fields) => lines.push(fields) };
    const options = { services, log, version: '0', bodyLimitBytes: 1024, accessLog: true };
    const loud = await buildServer(options);
    await loud.inject({ url: '/v1/chains?x=secret', headers: auth });
    await loud.close();
    expect(lines).toMatchObject([{ method: 'GET', path: '/v1/chains', status: 400 }]);
  });
});
