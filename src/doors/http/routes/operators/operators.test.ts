import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog, systemClock } from '../../../../base/kernel/index.ts';
import { RateLimiter } from '../../../../books/access/index.ts';
import { ORIGIN, sessionOf } from '../../fixtures/operators.fixture.ts';
import { FakeServices, TENANT } from '../../fixtures/services.fixture.ts';
import { buildServer } from '../../server.ts';

let services: FakeServices;
let app: FastifyInstance;
beforeEach(async () => {
  services = new FakeServices();
  services.sessions.known['ann'] = sessionOf({ [TENANT]: ['security-admin'] });
  services.sessions.known['stale'] = sessionOf({ [TENANT]: ['viewer'] }, { fresh: false });
  app = await buildServer({ services, log: silentLog, version: '0', bodyLimitBytes: 4096 });
});
afterEach(() => app.close());

type Method = 'GET' | 'POST' | 'DELETE';
function call(method: Method, url: string, body?: unknown, token = 'ann') {
  return app.inject({
    ...{ method, url },
    headers: {
      ...{ cookie: `__Host-payonce=${token}`, origin: ORIGIN, 'payonce-console': '1' },
      ...{ 'correlation-id': 'c1' },
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { payload: JSON.stringify(body) }),
  });
}

describe('a login', () => {
  it('gives a session in a cookie that scripts, other sites and plain HTTP do not get', async () => {
    expect((await call('POST', '/v1/session/challenge')).json()).toEqual({
      options: { challenge: 'sign me' },
    });
    const answer = await call('POST', '/v1/session', { answer: { good: true } });
    expect(answer.statusCode).toBe(201);
    expect(answer.headers['set-cookie']).toBe(
      '__Host-payonce=new; Path=/; HttpOnly; Secure; SameSite=Strict; Expires=Sat, 31 Jan 2026 12:00:00 GMT',
    );
    expect(answer.json()).toMatchObject({
      operator: { id: 'o1', name: 'ann' },
      tenants: [{ roles: ['viewer'], scopes: expect.arrayContaining(['ledger:read']) }],
    });
  });

  it('that fails gives none', async () => {
    const answer = await call('POST', '/v1/session', { answer: { bad: true } });
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'passkey_refused']);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  it.each([
    [undefined, 'invalid_json'],
    [[], 'invalid_request'],
    [{}, 'invalid_request'],
    [{ answer: 'x' }, 'invalid_request'],
    [{ answer: {}, more: 1 }, 'unknown_field'],
  ])('with the body %j is refused', async (body, code) => {
    expect((await call('POST', '/v1/session', body)).json().code).toBe(code);
  });

  it('is tried only so often from one address', async () => {
    const key = { requestsPerSecond: 1, burst: 2 };
    services.sessions.attempts = new RateLimiter({ clock: systemClock, key, tenant: null });
    const tried = () => call('POST', '/v1/session/challenge');
    expect([(await tried()).statusCode, (await tried()).statusCode]).toEqual([200, 200]);
    const third = await tried();
    expect([third.statusCode, third.headers['retry-after']]).toEqual([429, '1']);
    expect(third.json().detail).toMatch(/the next one is let in after 1 s/);
  });

  it('ends with a cookie that is gone', async () => {
    const answer = await call('DELETE', '/v1/session');
    expect(answer.statusCode).toBe(204);
    expect(answer.headers['set-cookie']).toMatch(/^__Host-payonce=; .*Max-Age=0$/);
    expect(services.sessions.ended).toEqual(['s1']);
  });
});

describe('an invitation', () => {
  it('is begun and accepted by its token, and tells what to compare', async () => {
    const begun = await call('POST', '/v1/session/invitation/challenge', { token: 'oi_good' });
    expect(begun.json()).toEqual({ name: 'bob', options: {} });
    const body = { token: 'oi_good', name: 'laptop', answer: {} };
    const accepted = await call('POST', '/v1/session/invitation', body);
    expect(accepted.statusCode).toBe(201);
    expect(accepted.json()).toEqual({ fingerprint: '0123-4567-89ab-cdef', active: false });
  });

  it('that opens nothing is 404', async () => {
    for (const [path, body] of [
      ['challenge', { token: 'x' }],
      ['', { token: 'x', name: 'laptop', answer: {} }],
    ] as const) {
      const url = `/v1/session/invitation/${path}`.replace(/\/$/, '');
      const answer = await call('POST', url, body);
      expect([answer.statusCode, answer.json().code]).toEqual([404, 'invitation_ended']);
    }
  });
});

describe('passkeys', () => {
  it('are listed, added and removed', async () => {
    const listed = (await call('GET', '/v1/session/passkeys')).json();
    expect(listed.passkeys).toMatchObject([{ id: 'c1', current: true, lastUsedAt: null }]);
    expect((await call('POST', '/v1/session/passkeys/challenge')).statusCode).toBe(200);
    const add = (answer: object) => call('POST', '/v1/session/passkeys', { name: 'b', answer });
    expect((await add({ good: true })).statusCode).toBe(201);
    expect((await add({})).json().code).toBe('passkey_refused');
    expect((await call('DELETE', '/v1/session/passkeys/c1')).statusCode).toBe(204);
    expect((await call('DELETE', '/v1/session/passkeys/c2')).json().code).toBe('not_found');
  });

  it('are changed within minutes of a login only', async () => {
    expect((await call('GET', '/v1/session/passkeys', undefined, 'stale')).statusCode).toBe(200);
    for (const [method, url] of [
      ['POST', '/v1/session/passkeys/challenge'],
      ['POST', '/v1/session/passkeys'],
      ['DELETE', '/v1/session/passkeys/c1'],
    ] as const) {
      const answer = await call(method, url, undefined, 'stale');
      expect([answer.statusCode, answer.json().code]).toEqual([403, 'login_not_fresh']);
    }
  });
});

describe('operators', () => {
  it('are invited by who is logged in, with a link that is shown once', async () => {
    const answer = await call('POST', '/v1/operators', { name: 'bob', roles: ['viewer'] });
    expect(answer.statusCode).toBe(201);
    expect(answer.headers.location).toBe('/v1/operators/o2');
    expect(answer.json()).toMatchObject({
      ...{ id: 'o2', name: 'bob', state: 'invited', roles: ['viewer'], grantedBy: 'o1' },
      invitation: { url: `${ORIGIN}/console/access#invitation=oi_secret` },
    });
    expect(services.operators.acts).toEqual([{ verb: 'invite', by: 'o1', correlationId: 'c1' }]);
    expect((await call('GET', '/v1/operators')).json().operators).toHaveLength(1);
    expect((await call('GET', '/v1/operators/o2')).json()).not.toHaveProperty('invitation');
    expect((await call('GET', '/v1/operators/o9')).json().code).toBe('not_found');
  });

  it('are changed by who is logged in', async () => {
    await call('POST', '/v1/operators', { name: 'bob', roles: ['viewer'] });
    services.operators.acts = [];
    const verbs = ['activate', 'suspend', 'resume', 'roles', 'invite'];
    for (const verb of verbs) {
      const body = {
        ...(verb === 'roles' && { roles: ['viewer'] }),
        ...(verb === 'activate' && { fingerprint: '0123-4567-89ab-cdef' }),
      };
      expect((await call('POST', `/v1/operators/o2/${verb}`, body)).statusCode).toBe(200);
      expect((await call('POST', `/v1/operators/o9/${verb}`, body)).statusCode).toBe(404);
      const strange = await call('POST', `/v1/operators/o2/${verb}`, { ...body, more: 1 });
      expect(strange.json().code).toBe('unknown_field');
    }
    expect(services.operators.acts.every(({ by }) => by === 'o1')).toBe(true);
  });

  it.each([
    [{ name: 'bob' }, '/roles'],
    [{ roles: ['viewer'] }, '/name'],
    [{ name: 'bob', roles: 'viewer' }, '/roles'],
    [{ name: 'bob', roles: [1] }, '/roles'],
  ])('are not invited by %j', async (body, pointer) => {
    const answer = await call('POST', '/v1/operators', body);
    expect(answer.json().errors).toMatchObject([{ pointer }]);
  });
});

describe('the pages', () => {
  it('run nothing but our own files, and show nothing in a frame', async () => {
    const modules = ['access', 'approvals', 'approval-request', 'digest', 'keccak', 'view'];
    for (const url of ['', ...modules.map((name) => `/${name}.js`)].map(
      (end) => `/console/access${end}`,
    )) {
      const { headers, body } = await app.inject({ url });
      expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers['referrer-policy']).toBe('no-referrer');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(body).not.toMatch(/innerHTML|https?:\/\/(?!payonce)|<script>| on\w+="|style="/);
    }
  });
});
