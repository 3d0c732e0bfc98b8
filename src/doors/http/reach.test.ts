import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../base/kernel/index.ts';
import { GRANTS, type Grant, ROLES, type Role, type Scope } from '../../books/access/index.ts';
import { principalOf } from './fixtures/api-keys.fixture.ts';
import { ORIGIN, sessionOf } from './fixtures/operators.fixture.ts';
import { FakeServices, OTHER_TENANT, TENANT } from './fixtures/services.fixture.ts';
import { buildServer } from './server.ts';

/** Who may call what; held against the document and against what the server does. */
const ROUTES: Record<string, Scope> = {
  'DELETE /v1/address-book/{id}': 'admin:address-book',
  'DELETE /v1/freeze/{id}': 'admin:freeze',
  'DELETE /v1/priced-endpoints/{id}': 'payments:price',
  'GET /v1/accounts/{account}/balances': 'ledger:read',
  'GET /v1/accounts/{account}/transfers': 'ledger:read',
  'GET /v1/address-book': 'admin:address-book',
  'GET /v1/api-keys': 'admin:keys',
  'GET /v1/api-keys/{id}': 'admin:keys',
  'GET /v1/approvals': 'admin:approvals',
  'GET /v1/approvals/{id}': 'admin:approvals',
  'GET /v1/audit': 'admin:audit',
  'GET /v1/chains': 'admin:chains:read',
  'GET /v1/events': 'events:read',
  'GET /v1/freeze': 'admin:freeze',
  'GET /v1/operators': 'operators',
  'GET /v1/operators/{id}': 'operators',
  'GET /v1/payments': 'payments:read',
  'GET /v1/payments/{id}': 'payments:read',
  'GET /v1/payments/{id}/refunds': 'payments:read',
  'GET /v1/priced-endpoints': 'payments:read',
  'GET /v1/priced-endpoints/{id}': 'payments:read',
  'GET /v1/merchants/{merchant}/balances': 'payments:read',
  'GET /v1/merchants/{merchant}/transfers': 'payments:read',
  'GET /v1/merchants/{merchant}/usage': 'payments:read',
  'GET /v1/holds': 'holds:clear',
  'GET /v1/policies': 'admin:policy',
  'GET /v1/policies/{id}': 'admin:policy',
  'GET /v1/reconciliation/breaks': 'admin:breaks:read',
  'GET /v1/reconciliation/breaks/{id}': 'admin:breaks:read',
  'GET /v1/wallets': 'admin:lanes:read',
  'GET /v1/wallets/rebalancing': 'admin:lanes:read',
  'GET /v1/wallets/{id}': 'admin:lanes:read',
  'GET /v1/withdrawals': 'withdrawals:read',
  'GET /v1/withdrawals/{id}': 'withdrawals:read',
  'GET /v1/withdrawals/{id}/evidence': 'withdrawals:read',
  'POST /v1/address-book': 'admin:address-book',
  'POST /v1/api-keys': 'admin:keys',
  'POST /v1/api-keys/{id}/revoke': 'admin:keys',
  'POST /v1/api-keys/{id}/rotate': 'admin:keys',
  'POST /v1/approvals/{id}/approve': 'admin:approvals',
  'POST /v1/approvals/{id}/reject': 'admin:approvals',
  'POST /v1/chains/{id}/resume': 'admin:chains',
  'POST /v1/deposits': 'ledger:credit',
  'POST /v1/freeze': 'admin:freeze',
  'POST /v1/holds/{id}/clear': 'holds:clear',
  'POST /v1/holds/{id}/reject': 'holds:clear',
  'POST /v1/payments/{id}/refunds': 'payments:refund',
  'POST /v1/priced-endpoints': 'payments:price',
  'POST /v1/priced-endpoints/{id}/veto': 'admin:policy',
  'POST /v1/operators': 'operators',
  'POST /v1/operators/{id}/activate': 'operators',
  'POST /v1/operators/{id}/invite': 'operators',
  'POST /v1/operators/{id}/resume': 'operators',
  'POST /v1/operators/{id}/roles': 'operators',
  'POST /v1/operators/{id}/suspend': 'operators',
  'POST /v1/policies': 'admin:policy',
  'POST /v1/policies/diff': 'admin:policy',
  'POST /v1/policies/simulate': 'admin:policy',
  'POST /v1/policies/{id}/confirm': 'admin:policy',
  'POST /v1/policies/{id}/propose': 'admin:policy',
  'POST /v1/policies/{id}/veto': 'admin:policy',
  'POST /v1/reconciliation/breaks/{id}/resolve': 'admin:breaks',
  'POST /v1/wallets/{id}/pause': 'admin:lanes',
  'POST /v1/wallets/{id}/resume': 'admin:lanes',
  'POST /v1/wallets/{id}/sweep': 'admin:lanes',
  'POST /v1/withdrawals': 'withdrawals:create',
  'POST /v1/withdrawals/batch': 'withdrawals:create',
  'POST /v1/withdrawals/preview': 'withdrawals:create',
  'POST /v1/withdrawals/{id}/cancel': 'withdrawals:create',
  'POST /v1/withdrawals/{id}/speed-up': 'withdrawals:create',
  'POST /x402/settle': 'payments:settle',
  'POST /x402/verify': 'payments:settle',
};
/** Of an operator who is logged in, whatever they may do. */
const OWN = [
  'DELETE /v1/session',
  'DELETE /v1/session/passkeys/{id}',
  'GET /v1/session',
  'GET /v1/session/passkeys',
  'POST /v1/session/passkeys',
  'POST /v1/session/passkeys/challenge',
];
/** What begins a session: of our own page alone. */
const ENTRANCES = [
  'POST /v1/session',
  'POST /v1/session/challenge',
  'POST /v1/session/invitation',
  'POST /v1/session/invitation/challenge',
];
/** For everybody: they tell nothing of any tenant. */
const PUBLIC = [
  'GET /console/access',
  'GET /console/access/access.css',
  'GET /console/access/access.js',
  'GET /console/access/approval-request.js',
  'GET /console/access/approvals.js',
  'GET /console/access/approver-line.js',
  'GET /console/access/digest.js',
  'GET /console/access/icon.svg',
  'GET /console/access/keccak.js',
  'GET /console/access/passkeys.js',
  'GET /console/access/view.js',
  'GET /docs',
  'GET /docs/',
  'GET /docs/errors',
  'GET /docs/js/scalar.js',
  'GET /docs/openapi.json',
  'GET /docs/openapi.yaml',
  'GET /healthz',
  'GET /openapi.json',
  'GET /readyz',
  'GET /x402/supported',
  // What they cost is paid to them.
  ...['DELETE', 'GET', 'PATCH', 'POST', 'PUT'].map((method) => `${method} /gateway/{merchant}/*`),
];
const LISTED = [...Object.keys(ROUTES), ...OWN, ...ENTRANCES, ...PUBLIC];
/** What else of a family, or all of it, opens a route. */
const WIDER: Record<string, readonly Grant[]> = {
  holds: [],
  withdrawals: ['withdrawals:*'],
  payments: ['payments:*'],
  ledger: ['ledger:*'],
  events: [],
  admin: ['admin', 'admin:*'],
};
const READERS = [...ROLES];
/** Which roles open a scope; those that are not here are for keys alone. */
const PEOPLE: Partial<Record<Scope, readonly Role[]>> = {
  'withdrawals:read': READERS,
  'ledger:read': READERS,
  'payments:read': READERS,
  'events:read': READERS,
  'admin:breaks:read': READERS,
  'admin:chains:read': READERS,
  'admin:lanes:read': READERS,
  'admin:audit': READERS,
  'admin:address-book': ['policy-admin'],
  'admin:approvals': ['approver'],
  'admin:breaks': ['operator'],
  'admin:chains': ['operator'],
  'admin:freeze': ['operator'],
  'admin:lanes': ['operator'],
  'admin:keys': ['security-admin'],
  'admin:policy': ['policy-admin'],
  operators: ['security-admin'],
};
const grantsOf = (scope: Scope): Grant[] => {
  if (scope === 'operators') return [];
  const parent = scope.replace(/:read$/, '') as Grant;
  const own = scope.startsWith('admin:') ? [scope, parent] : [scope];
  return [...own, ...WIDER[scope.split(':')[0]!]!];
};

type Operation = { security: { apiKey?: Scope[]; session?: Scope[] }[]; 'x-roles'?: Role[] };
let app: FastifyInstance;
let document: { paths: Record<string, Record<string, Operation>> };

beforeAll(async () => {
  const services = new FakeServices();
  for (const grant of GRANTS) services.keys[grant] = principalOf(TENANT, grant, [grant]);
  for (const role of ROLES) services.sessions.known[role] = sessionOf({ [TENANT]: [role] });
  services.sessions.known['both'] = sessionOf({ [TENANT]: ROLES, [OTHER_TENANT]: ['viewer'] });
  app = await buildServer({ services, log: silentLog, version: '0', bodyLimitBytes: 1024 });
  document = (await app.inject({ url: '/openapi.json' })).json();
});
afterAll(() => app.close());

/** `METHOD path` of everything the router knows, from its own picture of itself. */
function routed(): string[] {
  const prefixes: string[] = [];
  const lines = app.printRoutes({ commonPrefix: false }).split('\n');
  return lines.flatMap((line) => {
    const read = /^([│ ]*)[├└]── (\S+) \(([A-Z, ]+)\)$/.exec(line);
    if (read === null) return [];
    const [, indent, part, methods] = read as unknown as [string, string, string, string];
    prefixes.splice(indent.length / 4, Number.POSITIVE_INFINITY, part);
    const path = prefixes.join('').replaceAll(/:(\w+)/g, '{$1}');
    // Of a path that ends in a wildcard the picture has the wildcard alone; there is one.
    const whole = path === '*' ? '/gateway/{merchant}/*' : path;
    return methods.split(', ').map((method) => `${method} ${whole}`);
  });
}

const FROM_PAGE = { origin: ORIGIN, 'payonce-console': '1' };
const cookie = (token: string) => ({ cookie: `other=1; __Host-payonce=${token}` });

/** What is answered to a request without a body, with the ids of nothing; null: it was let in. */
async function refusalOf(route: string, headers: Record<string, string>): Promise<string | null> {
  const [method, path] = route.split(' ') as ['GET', string];
  const url = path.replaceAll(/\{\w+\}/g, '01890000-0000-7000-8000-00000000000a');
  const answer = await app.inject({ method, url, headers });
  // 404 and 400 here are words of the handler, behind the guard; its own have codes of their own.
  const { code } = answer.statusCode >= 400 ? answer.json() : { code: null };
  const words = ['unauthenticated', 'missing_scope', 'missing_role', 'cross_site_request'];
  return words.includes(code) || code === 'tenant_required' ? code : null;
}
const byKey = (route: string, grant: Grant) =>
  refusalOf(route, { authorization: `Bearer ${grant}` });
const bySession = (route: string, token: string, more: Record<string, string> = FROM_PAGE) =>
  refusalOf(route, { ...cookie(token), ...more });

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, told]) => ({
      ...{ route: `${method.toUpperCase()} ${path}`, told },
    })),
  );

describe('every route', () => {
  it('of the document has the scope, the credentials and the roles that are listed here', () => {
    const told = operations().flatMap(({ route, told: { security, 'x-roles': roles } }) => {
      const keys = security.flatMap(({ apiKey = [] }) => apiKey);
      const people = security.flatMap(({ session = [] }) => session);
      if (keys.length + people.length === 0) return [];
      return [[route, { keys, people, ...(roles !== undefined && { roles }) }]];
    });
    const expected = Object.entries(ROUTES).map(([route, scope]) => {
      const roles = PEOPLE[scope];
      const keys = grantsOf(scope).length === 0 ? [] : [scope];
      return [route, { keys, people: roles ? [scope] : [], ...(roles && { roles }) }];
    });
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(expected));
    const own = operations().filter(({ told: { security } }) =>
      security.some(({ session }) => session?.length === 0),
    );
    expect(own.map(({ route }) => route).sort()).toEqual(OWN);
  });

  it('of the router is listed here, or can not be called', async () => {
    const strangers: string[] = [];
    let refused = 0;
    for (const route of routed()) {
      if (LISTED.includes(route.replace(/^HEAD/, 'GET'))) continue;
      const [method, path] = route.split(' ') as ['GET', string];
      const url = path.replaceAll(/\{\w+\}/g, '1');
      if ((await app.inject({ method, url })).statusCode === 405) refused += 1;
      else strangers.push(route);
    }
    expect(strangers).toEqual([]);
    expect(refused).toBeGreaterThan(50);
    expect(routed()).toEqual(expect.arrayContaining(LISTED));
  });

  it.each([
    '/v1/operators/x/passkeys',
    '/v1/sessions',
    '/console',
    '/console/access/../../package.json',
    '/console/access/index.html',
  ])('that is not listed is not there: %s', async (url) => {
    for (const headers of [{}, { authorization: 'Bearer admin' }, cookie('security-admin')]) {
      expect((await app.inject({ url, headers })).statusCode).toBe(404);
    }
  });

  it.each(Object.entries(ROUTES))(
    '%s takes keys with %s and what contains it alone',
    async (route, scope) => {
      expect(await refusalOf(route, {})).toBe('unauthenticated');
      expect(await refusalOf(route, { authorization: 'Bearer nobody' })).toBe('unauthenticated');
      const opening = grantsOf(scope);
      const refusal = opening.length === 0 ? 'unauthenticated' : 'missing_scope';
      for (const grant of GRANTS) {
        const expected = opening.includes(grant) ? null : refusal;
        expect([grant, await byKey(route, grant)]).toEqual([grant, expected]);
      }
    },
  );

  it.each(Object.entries(ROUTES))(
    '%s takes sessions with a role that has %s alone',
    async (route, scope) => {
      const roles = PEOPLE[scope];
      for (const role of ROLES) {
        const refusal = roles === undefined ? 'unauthenticated' : 'missing_role';
        const expected = roles?.includes(role) ? null : refusal;
        expect([role, await bySession(route, role)]).toEqual([role, expected]);
      }
      if (roles === undefined) return;
      expect(await bySession(route, 'nobody')).toBe('unauthenticated');
      // Two tenants: one must be named, and each has its own roles.
      expect(await bySession(route, 'both')).toBe('tenant_required');
      const inTenant = (tenant: string) =>
        bySession(route, 'both', { ...FROM_PAGE, 'payonce-tenant': tenant });
      expect(await inTenant(TENANT)).toBeNull();
      expect(await inTenant(OTHER_TENANT)).toBe(roles.includes('viewer') ? null : 'missing_role');
      // A tenant of others is not there.
      const [method, path] = route.split(' ') as ['GET', string];
      const foreign = { ...cookie(roles[0]!), ...FROM_PAGE, 'payonce-tenant': OTHER_TENANT };
      const url = path.replaceAll(/\{\w+\}/g, '01890000-0000-7000-8000-00000000000a');
      const answer = await app.inject({ method, url, headers: foreign });
      expect([answer.statusCode, answer.json().code]).toEqual([404, 'not_found']);
      expect(answer.json().detail).toBe('You are an operator of no such tenant.');
    },
  );

  it.each([...Object.keys(ROUTES).filter((route) => PEOPLE[ROUTES[route]!] !== undefined), ...OWN])(
    '%s changes nothing by a session for a page of another site',
    async (route) => {
      const scope = ROUTES[route];
      const token = scope === undefined ? 'viewer' : PEOPLE[scope]![0]!;
      const changes = !route.startsWith('GET ');
      const expected = changes ? 'cross_site_request' : null;
      const foreign: Record<string, string>[] = [
        {},
        { origin: 'https://evil.example', 'payonce-console': '1' },
        { origin: 'null', 'payonce-console': '1' },
        { origin: ORIGIN },
        { ...FROM_PAGE, 'sec-fetch-site': 'same-site' },
      ];
      for (const headers of foreign) {
        expect([headers, await bySession(route, token, headers)]).toEqual([headers, expected]);
      }
      expect(await bySession(route, token)).toBeNull();
      expect(await refusalOf(route, FROM_PAGE)).toBe('unauthenticated');
    },
  );

  it.each(ENTRANCES)('%s is for our own page alone', async (route) => {
    expect(await refusalOf(route, {})).toBe('cross_site_request');
    expect(await refusalOf(route, { ...FROM_PAGE, origin: 'https://evil.example' })).toBe(
      'cross_site_request',
    );
    expect(await refusalOf(route, FROM_PAGE)).toBeNull();
  });

  it('takes the key where a key and a session come, and a session only once', async () => {
    const both = { ...cookie('operator'), authorization: 'Bearer ledger:read' };
    expect(await refusalOf('GET /v1/chains', both)).toBe('missing_scope');
    const twice = { cookie: '__Host-payonce=viewer; __Host-payonce=operator' };
    expect(await refusalOf('GET /v1/chains', twice)).toBe('unauthenticated');
  });
});
