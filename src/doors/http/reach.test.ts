import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../base/kernel/index.ts';
import { GRANTS, type Grant } from '../../books/access/index.ts';
import { principalOf } from './api-keys.fixture.ts';
import { buildServer } from './server.ts';
import { FakeServices, TENANT } from './services.fixture.ts';

/** Who may call what; held against the document and against what the server does. */
const ROUTES: Record<string, Grant> = {
  'DELETE /v1/address-book/{id}': 'admin:address-book',
  'DELETE /v1/freeze/{id}': 'admin:freeze',
  'GET /v1/accounts/{account}/balances': 'ledger:read',
  'GET /v1/accounts/{account}/transfers': 'ledger:read',
  'GET /v1/address-book': 'admin:address-book',
  'GET /v1/api-keys': 'admin:keys',
  'GET /v1/api-keys/{id}': 'admin:keys',
  'GET /v1/approvals': 'admin:approvals',
  'GET /v1/approvals/{id}': 'admin:approvals',
  'GET /v1/chains': 'admin:chains',
  'GET /v1/events': 'events:read',
  'GET /v1/freeze': 'admin:freeze',
  'GET /v1/payments': 'payments:read',
  'GET /v1/payments/{id}': 'payments:read',
  'GET /v1/holds': 'holds:clear',
  'GET /v1/policies': 'admin:policy',
  'GET /v1/policies/{id}': 'admin:policy',
  'GET /v1/reconciliation/breaks': 'admin:breaks',
  'GET /v1/reconciliation/breaks/{id}': 'admin:breaks',
  'GET /v1/wallets': 'admin:lanes',
  'GET /v1/wallets/rebalancing': 'admin:lanes',
  'GET /v1/wallets/{id}': 'admin:lanes',
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
  'POST /v1/policies': 'admin:policy',
  'POST /v1/policies/diff': 'admin:policy',
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
/** For everybody: they tell nothing of any tenant. */
const PUBLIC = [
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
];
/** What else of a family, or all of it, opens a route. */
const WIDER: Record<string, readonly Grant[]> = {
  holds: [],
  withdrawals: ['withdrawals:*'],
  payments: ['payments:*'],
  ledger: ['ledger:*'],
  events: [],
  admin: ['admin', 'admin:*'],
};

let app: FastifyInstance;
let document: { paths: Record<string, Record<string, { security: { apiKey?: Grant[] }[] }>> };

beforeAll(async () => {
  const services = new FakeServices();
  for (const grant of GRANTS) services.keys[grant] = principalOf(TENANT, grant, [grant]);
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
    return methods.split(', ').map((method) => `${method} ${path}`);
  });
}

/** The answer to a request without a body, with the ids of nothing. */
async function statusOf(route: string, grant?: Grant): Promise<number> {
  const [method, path] = route.split(' ') as ['GET', string];
  const url = path.replaceAll(/\{\w+\}/g, '01890000-0000-7000-8000-00000000000a');
  const headers = grant === undefined ? {} : { authorization: `Bearer ${grant}` };
  return (await app.inject({ method, url, headers })).statusCode;
}

describe('every route', () => {
  it('of the document has the scope that is listed here', () => {
    const told = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { security }]) => {
        const scopes = security.flatMap(({ apiKey = [] }) => apiKey);
        return scopes.length === 0 ? [] : [[`${method.toUpperCase()} ${path}`, scopes.join(' ')]];
      }),
    );
    expect(Object.fromEntries(told)).toEqual(ROUTES);
  });

  it('of the router is listed here, or can not be called', async () => {
    const strangers: string[] = [];
    let refused = 0;
    for (const route of routed()) {
      const listed = route.replace(/^HEAD/, 'GET');
      if (Object.hasOwn(ROUTES, listed) || PUBLIC.includes(listed)) continue;
      if ((await statusOf(route)) === 405) refused += 1;
      else strangers.push(route);
    }
    expect(strangers).toEqual([]);
    expect(refused).toBeGreaterThan(50);
    expect(routed()).toEqual(expect.arrayContaining([...Object.keys(ROUTES), ...PUBLIC]));
  });

  it.each(Object.entries(ROUTES))(
    '%s takes %s and what contains it alone',
    async (route, scope) => {
      expect(await statusOf(route)).toBe(401);
      const opening = [scope, ...WIDER[scope.split(':')[0]!]!];
      for (const grant of GRANTS) {
        const status = await statusOf(route, grant);
        if (opening.includes(grant)) expect([grant, status]).not.toContain(403);
        else expect([grant, status]).toEqual([grant, 403]);
      }
    },
  );
});
