import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GRANTS, ROLES } from '../../src/books/access/index.ts';
import { openBreaks } from '../../src/books/breaks/index.ts';
import { destination, freeze, hold, payment, pricedEndpoint } from '../support/belongings.ts';
import { Installation, type TestKey } from '../support/installation.ts';
import { recipient } from '../support/laws.ts';

/**
 * Every route of the document is called with a tenant's own ids by a key of another tenant that has every scope:
 * it must answer as if nothing were there, and change nothing.
 */
let on: Installation;
let stranger: TestKey;
let own: Record<string, string>;
/** Hex without 0x, in lower case. */
let laneAddress: string;
type Described = { security?: { apiKey?: string[]; session?: string[] }[] };
let operations: { method: string; path: string; byKey: boolean; bySession: boolean }[];
let strangerSession: string;

const order = (to: string) => ({ account: 'alice', asset: 'USDC', amount: '5', to });

beforeAll(async () => {
  on = await Installation.make();
  await on.startApi();
  await on.deposit('alice', 'USDC', '100');
  const { tenantId } = await on.addTenant('stranger');
  stranger = await on.addKey({ tenantId, scopes: GRANTS });
  const { body: withdrawal } = await on.withdraw(order(recipient(1)));
  const { keyId } = await on.addKey();
  const [lane] = await on.rows<{ id: number; address: Buffer }>(
    'SELECT lane_id AS id, address FROM lane',
  );
  laneAddress = lane!.address.toString('hex');
  own = {
    '/v1/withdrawals/{id}': String(withdrawal['id']),
    '/v1/wallets/{id}': String(lane!.id),
    '/v1/api-keys/{id}': keyId,
    '/v1/accounts/{account}': 'alice',
    '/v1/operators/{id}': await operator(on.tenantId),
    '/v1/approvals/{id}': String(withdrawal['id']),
    '/v1/freeze/{id}': await freeze(on),
    '/v1/holds/{id}': await hold(on, String(withdrawal['id'])),
    '/v1/address-book/{id}': await destination(on),
    '/v1/payments/{id}': await payment(on),
    '/v1/merchants/{merchant}': 'shop',
    '/v1/priced-endpoints/{id}': await pricedEndpoint(on),
    // No tenant's: the installation has one policy. Nobody has drafted this change of it.
    '/v1/policies/{id}': '01890000-0000-7000-8000-000000000000',
    '/v1/reconciliation/breaks/{id}': await openBreak(String(withdrawal['id']), lane!.id),
    // Everybody's, but the stranger has no lane there.
    '/v1/chains/{id}': 'local',
  };
  strangerSession = await sessionOf(await operator(tenantId));
  const { body } = await on.call<{ paths: Record<string, Record<string, Described>> }>(
    'GET',
    '/openapi.json',
  );
  operations = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security = [] }]) => ({
      ...{ method: method.toUpperCase(), path },
      byKey: security.some(({ apiKey }) => apiKey !== undefined),
      bySession: security.some(({ session = [] }) => session.length > 0),
    })),
  );
});
afterAll(() => on?.stop());

/** With every role in one tenant. */
async function operator(tenantId: string): Promise<string> {
  const [made] = await on.rows<{ id: string }>(
    `WITH made AS (INSERT INTO operator (name) VALUES ('person-' || $1::text) RETURNING operator_id)
     INSERT INTO operator_membership (operator_id, tenant_id, roles, activated_at)
     SELECT operator_id, $1::uuid, $2, now() FROM made RETURNING operator_id AS id`,
    [tenantId, ROLES],
  );
  return made!.id;
}

/** What a list can not be asked without. */
const QUERIES: Record<string, string> = { '/v1/payments': `?txHash=0x${'08'.repeat(32)}` };

/** How a login ends, without one: the token of a session. */
async function sessionOf(operatorId: string): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  await on.rows(
    `WITH passkey AS (
       INSERT INTO passkey (credential_id, operator_id, public_key, sign_count, transports, name)
       VALUES ($1, $2, '', 0, '{}', 'a passkey') RETURNING credential_id
     )
     INSERT INTO operator_session (token_hash, credential_id, expires_at)
     SELECT sha256($3::bytea), credential_id, now() + interval '1 hour' FROM passkey`,
    [`credential-of-${operatorId}`, operatorId, Buffer.from(token)],
  );
  return token;
}

async function openBreak(withdrawalId: string, laneId: number): Promise<string> {
  const about = { tenantId: on.tenantId, chainId: 31_337, laneId, subjectId: withdrawalId };
  const found = { kind: 'effect_mismatch' as const, correlationId: 'c', detail: {} };
  const owner = { kind: 'withdrawal', id: withdrawalId };
  await openBreaks(on.owner, [{ ...about, ...found, owner }]);
  const [made] = await on.rows<{ id: string }>('SELECT break_id AS id FROM reconciliation_break');
  return made!.id;
}

const DECISION = { action: 'adjust', evidence: 'mine now', adjustments: [] };

const bodies: Record<string, () => unknown> = {
  'POST /v1/withdrawals': () => order(recipient(2)),
  'POST /v1/withdrawals/batch': () => ({
    withdrawals: [{ idempotencyKey: 'theirs', ...order(recipient(2)) }],
  }),
  'POST /v1/wallets/{id}/pause': () => ({ reason: 'mine now' }),
  'POST /v1/wallets/{id}/resume': () => ({ reason: 'mine now' }),
  'POST /v1/payments/{id}/refunds': () => ({ reason: 'mine now' }),
  'POST /v1/reconciliation/breaks/{id}/resolve': () => DECISION,
  'POST /v1/chains/{id}/resume': () => ({ evidence: 'mine now' }),
  'DELETE /v1/freeze/{id}': () => ({ reason: 'mine now' }),
  'DELETE /v1/address-book/{id}': () => ({ reason: 'mine now' }),
  'POST /v1/holds/{id}/reject': () => ({ reason: 'mine now' }),
  'POST /v1/priced-endpoints/{id}/veto': () => ({ reason: 'mine now' }),
  'POST /v1/policies/{id}/propose': () => ({ reason: 'mine now' }),
  'POST /v1/policies/{id}/confirm': () => ({ reason: 'mine now' }),
  'POST /v1/policies/{id}/veto': () => ({ reason: 'mine now' }),
  'POST /v1/operators/{id}/roles': () => ({ roles: ['viewer'] }),
  'POST /v1/operators/{id}/activate': () => ({ fingerprint: 'mine now' }),
  'POST /v1/approvals/{id}/approve': () => ({ approver: 'x', signature: '0x00' }),
  'POST /v1/approvals/{id}/reject': () => ({ reason: 'mine now' }),
};

const asStranger = (method: string, url: string, body?: unknown) =>
  on.call(method, url, body, {
    authorization: `Bearer ${stranger.key}`,
    'idempotency-key': 'theirs',
  });

async function asStrangerInConsole(method: string, path: string, body?: unknown) {
  const answer = await fetch(`${on.url}${path}`, {
    method,
    headers: {
      ...{ cookie: `__Host-payonce=${strangerSession}`, 'payonce-console': '1' },
      ...{ origin: `http://localhost:${new URL(on.url).port}` },
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, text: await answer.text() };
}

/** All that belongs to the first tenant, as rows. */
const belongings = () =>
  on.rows(
    `SELECT (SELECT json_agg(w ORDER BY w.withdrawal_id) FROM withdrawal w WHERE w.tenant_id = $1) AS withdrawals,
       (SELECT json_agg(b ORDER BY b.account_no) FROM ledger_balance b WHERE b.tenant_id = $1) AS balances,
       (SELECT json_agg(l ORDER BY l.lane_id) FROM lane l WHERE l.tenant_id = $1) AS lanes,
       (SELECT json_agg(k ORDER BY k.key_id) FROM api_key k WHERE k.tenant_id = $1) AS keys,
       (SELECT json_agg(b ORDER BY b.break_id) FROM reconciliation_break b WHERE b.tenant_id = $1) AS breaks,
       (SELECT json_agg(m ORDER BY m.operator_id) FROM operator_membership m WHERE m.tenant_id = $1) AS operators,
       (SELECT json_agg(l) FROM operator_freeze_lift l) AS lifts,
       (SELECT json_agg(h) FROM policy_hold_answer h) AS answers,
       (SELECT json_agg(p) FROM payment p WHERE p.tenant_id = $1) AS payments, (SELECT json_agg(r) FROM refund r) AS refunds,
       (SELECT json_agg(e) FROM priced_endpoint e WHERE e.tenant_id = $1) AS prices,
       (SELECT json_agg(b) FROM address_book_entry b WHERE b.tenant_id = $1) AS destinations,
       (SELECT json_agg(p) FROM proposal p) AS proposals, (SELECT json_agg(r) FROM chain_resume r) AS resumes,
       (SELECT json_agg(s ORDER BY s.key_hash) FROM api_key_secret s JOIN api_key USING (key_id)
        WHERE tenant_id = $1) AS secrets`,
    [on.tenantId],
  );

describe('an operator of another tenant with every role', () => {
  it('finds nothing by the ids of this one and sees none of it in a list, on whichever route, and changes nothing', async () => {
    const before = await belongings();
    const ids = [...Object.values(own).filter((id) => id.length === 36), on.tenantId, laneAddress];
    let called = 0;
    for (const { method, path } of operations.filter(({ bySession }) => bySession)) {
      const prefix = Object.keys(own).find((one) => path.startsWith(one));
      const withId = path.includes('{');
      const body = bodies[`${method} ${path}`]?.();
      if (!withId && method !== 'GET') continue;
      const url = withId ? path.replace(/\{\w+\}/, own[prefix!]!) : path + (QUERIES[path] ?? '');
      const { status, text } = await asStrangerInConsole(method, url, body);
      const seen = [`${method} ${path}`, status];
      expect(seen).toEqual([`${method} ${path}`, withId ? 404 : 200]);
      for (const id of ids) {
        if (!url.includes(id)) expect(text.toLowerCase(), seen[0] as string).not.toContain(id);
      }
      called += 1;
    }
    expect(called).toBeGreaterThanOrEqual(25);
    expect(await belongings()).toEqual(before);
  });
});

describe('a key of another tenant with every scope', () => {
  it('finds nothing by the ids of this one, on whichever route, and changes nothing', async () => {
    const before = await belongings();
    const ofKeys = operations.filter(({ byKey }) => byKey);
    let called = 0;
    for (const { method, path } of ofKeys.filter(({ path: one }) => one.includes('{'))) {
      const prefix = Object.keys(own).find((one) => path.startsWith(one));
      // A route with ids of another kind: say above whose they are.
      expect(prefix, `${method} ${path}`).toBeDefined();
      const url = path.replace(/\{\w+\}/, own[prefix!]!);
      const answer = await asStranger(method, url, bodies[`${method} ${path}`]?.());
      expect([`${method} ${path}`, answer.status]).toEqual([`${method} ${path}`, 404]);
      expect(JSON.stringify(answer.body)).not.toContain(on.tenantId);
      called += 1;
    }
    expect(called).toBeGreaterThanOrEqual(11);
    expect(await belongings()).toEqual(before);
  });

  it('sees none of it in a list, and spends none of it by a name', async () => {
    const before = await belongings();
    const ours = JSON.stringify(before);
    const ids = Object.values(own).filter((id) => id.length === 36);
    ids.push(on.tenantId, laneAddress);
    const ofKeys = operations.filter(({ byKey }) => byKey);
    for (const { method, path } of ofKeys.filter(({ path: one }) => !one.includes('{'))) {
      const body = bodies[`${method} ${path}`]?.();
      if (method === 'POST' && body === undefined) continue;
      const answer = await asStranger(method, path + (QUERIES[path] ?? ''), body);
      const text = JSON.stringify(answer.body);
      for (const id of ids) expect(text.toLowerCase(), `${method} ${path}`).not.toContain(id);
      if (path === '/v1/withdrawals' && method === 'POST') {
        expect(answer.body['code']).toBe('account_not_found');
      }
      if (path === '/v1/withdrawals/batch') expect(text).toContain('account_not_found');
    }
    expect(JSON.stringify(await belongings())).toBe(ours);
  });

  it('has its own under the same names', async () => {
    const deposit = { account: 'alice', asset: 'USDC', amount: '7', reference: 'theirs' };
    expect((await asStranger('POST', '/v1/deposits', deposit)).status).toBe(201);
    const theirs = await asStranger('GET', '/v1/accounts/alice/balances');
    expect(theirs.body['balances']).toMatchObject([{ asset: 'USDC', posted: '7' }]);
    const ours = await on.call('GET', '/v1/accounts/alice/balances');
    expect(ours.body['balances']).toMatchObject([{ asset: 'USDC', posted: '100' }]);
  });
});

describe('keys over HTTP', () => {
  it('an admin makes, rotates and revokes keys of its rights; the new secrets work at once, the old within a second', async () => {
    const admin = await on.addKey({ scopes: ['admin', 'events:read'] });
    const as = (key: string) => ({ authorization: `Bearer ${key}` });
    const call = (method: string, path: string, body?: unknown, key = admin.key) =>
      on.call<Record<string, string>>(method, path, body, as(key));
    const made = await call('POST', '/v1/api-keys', { name: 'ops', scopes: ['admin:keys'] });
    expect(made.status).toBe(201);
    const { id, key } = made.body as { id: string; key: string };
    expect((await call('GET', `/v1/api-keys/${id}`, undefined, key)).status).toBe(200);
    expect((await call('GET', '/v1/chains', undefined, key)).status).toBe(403);
    const wider = { name: 'more', scopes: ['withdrawals:create'] };
    expect((await call('POST', '/v1/api-keys', wider)).body['code']).toBe('grant_too_wide');
    const higher = { name: 'more', scopes: ['admin'] };
    expect((await call('POST', '/v1/api-keys', higher, key)).body['code']).toBe('grant_too_wide');
    const rotated = await call('POST', `/v1/api-keys/${id}/rotate`, { overlapSeconds: 60 }, key);
    const second = rotated.body['key']!;
    for (const good of [key, second]) {
      expect((await call('GET', '/v1/api-keys', undefined, good)).status).toBe(200);
    }
    expect((await call('POST', `/v1/api-keys/${id}/revoke`)).status).toBe(200);
    await expect
      .poll(async () => [
        (await call('GET', '/v1/api-keys', undefined, key)).status,
        (await call('GET', '/v1/api-keys', undefined, second)).status,
      ])
      .toEqual([401, 401]);
  });
});
