import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../../test/support/main-database.ts';
import { type AssetSettings, Assets } from '../../../../base/config/index.ts';
import { isRefusal } from '../../../../base/kernel/index.ts';
import { policyWorld, readPolicyBody } from '../../../../books/policy/index.ts';
import { pastWithdrawals } from '../../../withdrawal/index.ts';
import { pastPayments } from '../../../x402/index.ts';
import { simulatePolicy } from './simulate.ts';

const TOKEN = `0x${'77'.repeat(20)}` as const;
const USD: AssetSettings = {
  ...{ id: 'USD', caip19: `eip155:1/erc20:${TOKEN}`, chain: 'base', chainId: 1, address: TOKEN },
  ...{ decimals: 0, minimum: 1n, fee: 0n },
  tiers: [{ name: 'low', upTo: 100n, commitAt: 'safe' }],
};
const APPROVALS = {
  ...{ approvers: [], thresholds: [], webauthn: null, expireAfterMs: 1 },
  groups: [{ id: 'finance', members: ['ann', 'bob'] }],
};
const settings = {
  ...{ chains: [], assets: [USD], lanes: [], screening: null },
  guard: { approvals: APPROVALS, walletGroups: [], limits: [] },
};
const [ALICE, BOB] = ['aa', 'bb'].map((byte) => byte.repeat(20)) as [string, string];

let at: MainDatabase;
let tenantId: string;
let merchantId: string;
beforeAll(async () => {
  at = await MainDatabase.start();
});
afterAll(() => at?.stop());
beforeEach(async () => {
  tenantId = await at.tenant(randomUUID());
  const [merchant] = await at.rows<{ id: string }>(
    `INSERT INTO merchant (tenant_id, name, pay_to, replays) VALUES ($1, 'shop', ARRAY[$2::bytea], false) RETURNING merchant_id AS id`,
    [tenantId, Buffer.alloc(20, 7)],
  );
  merchantId = merchant!.id;
});

type Past = {
  hoursAgo: number;
  payer?: string;
  amount?: number;
  pricedEndpoint?: string | null;
  denied?: boolean;
  /** When it ended unpaid. */
  endedHoursAgo?: number;
  score?: number;
  /** Persons were asked about it, and have not approved it. */
  asked?: boolean;
};

/** A payment that was decided so long ago. Its id. */
async function past({ hoursAgo, payer = ALICE, amount = 60, ...more }: Past): Promise<string> {
  const { pricedEndpoint = null, denied = false, endedHoursAgo, score, asked = false } = more;
  const known = { kind: 'known', at: 1, score, category: null, source: 'toy' };
  const inputs = score === undefined ? null : { screening: { payer: known, payTo: known } };
  const [row] = await at.rows<{ id: string; decision: string }>(
    `WITH id AS (SELECT overlay(payonce_uuid_at(now() - $1 * interval '1 hour')::text
        PLACING substr(gen_random_uuid()::text, 20) FROM 20)::uuid AS id),
     d AS (INSERT INTO decision (decision_id, tenant_id, subject_id, policy_version, verdict, tier, commit_at, trace, inputs, created_at)
       SELECT payonce_uuid7(), $2, id, 'config:1', $6, CASE WHEN $6 = 'allow' THEN 'low' END,
         CASE WHEN $6 = 'allow' THEN 'safe' END, '[]', $7, now() - $1 * interval '1 hour' FROM id RETURNING decision_id),
     t AS (INSERT INTO tx (tenant_id, owner_kind, owner_id, intent_id, operation, idempotency_key, chain_id, asset, token,
         recipient, amount, decision_id, settle_at, status, correlation_id)
       SELECT $2, 'payment', id, $8, 'payment', id::text, 1, $9, $10, $10, $4, decision_id, 'included', 'CREATED', 'c'
       FROM id, d WHERE $6 = 'allow' AND NOT $12),
     q AS (INSERT INTO approval_request (tenant_id, owner_id, owner_kind, decision_id, requirements, wallet_group, chain_id, asset,
         recipient, amount, fee_cap, intent_id, policy_version, initiator, expiry, correlation_id, status)
       SELECT $2, id, 'payment', decision_id, '[{"count": 1, "group": "finance"}]', 'g', 1, $9, $10, $4, 1, $8, 'config:1', 'i', 1, 'c', 'PENDING' FROM id, d WHERE $12)
     INSERT INTO payment (payment_id, tenant_id, merchant_id, status, endpoint, fingerprint, authorization_id, chain_id, asset,
       token, payer, pay_to, amount, valid_after, valid_before, nonce, signature, method, wait_until, commit_at, risk_tier,
       correlation_id, priced_endpoint)
     SELECT id, $2, $3, 'AUTH_SIGNED', 'https://shop.example/', gen_random_uuid(), $8, 1, $9, $10, decode($5, 'hex'), $10, $4,
       0, 1, $8, '', 'eip3009', 'included', 'safe', 'low', 'c', $11 FROM id, d
     RETURNING payment_id AS id, (SELECT decision_id FROM d) AS decision`,
    [
      ...[hoursAgo, tenantId, merchantId, amount, payer, denied ? 'deny' : 'allow', inputs],
      ...[randomBytes(32), USD.caip19, Buffer.alloc(20, 7), pricedEndpoint, asked],
    ],
  );
  // As it stands by now: the machine's own way there is not what is looked at.
  await at.rows('ALTER TABLE payment DISABLE TRIGGER USER');
  if (denied) {
    await at.rows(
      `UPDATE payment SET status = 'AUTH_REJECTED', failure_code = 'policy_denied', decision_id = $2 WHERE payment_id = $1`,
      [row!.id, row!.decision],
    );
  }
  if (endedHoursAgo !== undefined) {
    await at.rows(
      `UPDATE payment SET status = 'EXPIRED', updated_at = now() - $2 * interval '1 hour' WHERE payment_id = $1`,
      [row!.id, endedHoursAgo],
    );
  }
  await at.rows('ALTER TABLE payment ENABLE TRIGGER USER');
  return row!.id;
}

/** A withdrawal of 60 that was allowed so long ago. Its id. */
async function withdrawal(hoursAgo: number): Promise<string> {
  const [row] = await at.rows<{ id: string }>(
    `WITH id AS (SELECT overlay(payonce_uuid_at(now() - $1 * interval '1 hour')::text
        PLACING substr(gen_random_uuid()::text, 20) FROM 20)::uuid AS id),
     d AS (INSERT INTO decision (decision_id, tenant_id, subject_id, policy_version, verdict, tier, commit_at, trace, created_at)
       SELECT payonce_uuid7(), $2, id, 'config:1', 'allow', 'low', 'safe', '[]', now() - $1 * interval '1 hour' FROM id
       RETURNING decision_id)
     INSERT INTO withdrawal (withdrawal_id, tenant_id, account, asset, amount, fee, recipient, idempotency_key,
       correlation_id, status, decision_id)
     SELECT id, $2, 'alice', $3, 60, 0, $4, id::text, 'c', 'RESERVED', decision_id FROM id, d RETURNING withdrawal_id AS id`,
    [hoursAgo, tenantId, USD.caip19, Buffer.alloc(20, 7)],
  );
  return row!.id;
}

const BASE = `version: 1
rules:
  - { id: all, type: allow, match: { kinds: [withdrawal] } }
  - { id: t, type: tiers, match: { kinds: [withdrawal], assets: [USD] }, tiers: [{ name: low, commitAt: safe }] }
`;

async function simulate(rules: string, more: { days?: number; most?: number } = {}) {
  const policy = readPolicyBody(BASE + rules, policyWorld(settings));
  if (isRefusal(policy)) throw new Error(policy.detail);
  const context = { assets: new Assets([USD]), settings };
  const asked = { tenantId, policy, days: 30, most: 1_000, limit: 100, ...more };
  return simulatePolicy([pastWithdrawals(context), pastPayments(context)], at.app, asked);
}
const PAYER =
  '  - { id: payer, type: window, match: { assets: [USD] }, per: spender, window: 24h, amount: "100" }\n';

describe('a simulation of payments', () => {
  it('asks the configuration where no rule is about them', async () => {
    await past({ hoursAgo: 2 });
    const above = await past({ hoursAgo: 1, amount: 101 });
    expect(await simulate('')).toMatchObject({
      looked: 2,
      differences: [{ kind: 'payment', id: above, account: 'merchant:shop', was: { tier: 'low' } }],
    });
  });

  it('fills a payer’s window as it went, and gives back what ended unpaid', async () => {
    await past({ hoursAgo: 40, endedHoursAgo: 39 });
    await past({ hoursAgo: 38 });
    const denied = await past({ hoursAgo: 37 });
    await past({ hoursAgo: 37, payer: BOB });
    await past({ hoursAgo: 12 });
    const { differences, outcomes } = await simulate(PAYER);
    expect(differences).toMatchObject([
      { id: denied, would: { outcome: 'denied' }, reason: 'payer: 120 of 100' },
    ]);
    expect(outcomes).toContainEqual({
      ...{ kind: 'payment', was: 'allowed', would: 'allowed', count: 4 },
    });
  });

  it('knows a priced endpoint, what was denied, and how risky its parties were then', async () => {
    const endpoint = randomUUID();
    const sold = await past({ hoursAgo: 4, pricedEndpoint: endpoint });
    const risky = await past({ hoursAgo: 3, score: 90 });
    const denied = await past({ hoursAgo: 2, denied: true, score: 10 });
    await past({ hoursAgo: 1, score: 10 });
    const { differences } = await simulate(
      `  - { id: no, type: deny, match: { endpoints: ["${endpoint}"] } }
  - { id: risk, type: deny, match: { kinds: [payment], riskOver: 50 } }\n`,
    );
    expect(differences.map(({ id, would, reason }) => [id, would.outcome, reason])).toEqual([
      [sold, 'denied', 'no: denied'],
      [risky, 'denied', 'risk: denied'],
      [denied, 'allowed', null],
    ]);
  });

  it('knows whom persons were asked about, also where they have not approved it', async () => {
    const asked = await past({ hoursAgo: 2, asked: true });
    const ended = await past({ hoursAgo: 20, asked: true, endedHoursAgo: 3 });
    const { differences } = await simulate(PAYER);
    expect(differences.map(({ id, was, would }) => [id, was.outcome, would.outcome])).toEqual([
      [ended, 'approved', 'allowed'],
      [asked, 'approved', 'allowed'],
    ]);
  });

  const tierBy = (count: number) =>
    `  - { id: p, type: tiers, match: { kinds: [payment], assets: [USD] }, tiers: [{ name: low, commitAt: safe, approvals: { all: [{ group: finance, count: ${count} }] } }] }\n`;

  it('tells whom the tier would ask, also where others were asked', async () => {
    const unasked = await past({ hoursAgo: 3 });
    const asked = await past({ hoursAgo: 2, asked: true });
    const finance = (count: number) => [{ group: 'finance', count }];
    expect((await simulate(tierBy(1))).differences).toMatchObject([
      {
        ...{ id: unasked, was: { outcome: 'allowed', tier: 'low', approvals: [] } },
        would: { outcome: 'approved', tier: 'low', approvals: finance(1) },
      },
    ]);
    expect((await simulate(tierBy(2))).differences).toMatchObject([
      { id: unasked },
      {
        ...{ id: asked, was: { outcome: 'approved', approvals: finance(1) } },
        would: { outcome: 'approved', approvals: finance(2) },
      },
    ]);
  });

  it('asks payments and withdrawals in the order of their decisions, where one window is about both', async () => {
    await past({ hoursAgo: 3 });
    const between = await withdrawal(2);
    const last = await past({ hoursAgo: 1, amount: 40 });
    await withdrawal(30);
    const both = `  - { id: both, type: window, match: { kinds: [withdrawal, payment], assets: [USD] }, per: tenant, window: 24h, amount: "100" }\n`;
    const { differences, looked } = await simulate(both);
    expect([differences.map(({ id }) => id), looked]).toEqual([[between], 4]);
    expect((await simulate(both, { days: 1 })).warmedUp).toBe(1);
    expect(differences.map(({ id }) => id)).not.toContain(last);
  });

  it('looks at the newest where there are too many, over more than a page', async () => {
    const [first] = [await past({ hoursAgo: 5 }), await past({ hoursAgo: 4 })];
    const copies = `INSERT INTO payment SELECT (jsonb_populate_record(p, jsonb_build_object('payment_id',
        payonce_uuid7(), 'authorization_id', '\\x' || encode(sha256(n::text::bytea), 'hex')))).*
      FROM payment p, generate_series(1, 1100) n WHERE p.payment_id = $1`;
    await at.rows(copies, [first]);
    await at.rows(
      `INSERT INTO tx (tenant_id, owner_kind, owner_id, intent_id, operation, idempotency_key, chain_id, asset, token, recipient,
         amount, decision_id, settle_at, status, correlation_id)
       SELECT p.tenant_id, 'payment', p.payment_id, p.authorization_id, 'payment', p.payment_id::text, 1, p.asset, p.token, p.pay_to,
         p.amount, t.decision_id, 'included', 'CREATED', 'c'
       FROM payment p, tx t WHERE t.owner_id = $1 AND p.tenant_id = $2
         AND NOT EXISTS (SELECT FROM tx o WHERE o.owner_id = p.payment_id)`,
      [first, tenantId],
    );
    expect(await simulate(PAYER, { most: 2_000 })).toMatchObject({
      looked: 1_102,
      truncated: false,
    });
    expect(await simulate(PAYER, { most: 1_050 })).toMatchObject({
      looked: 1_050,
      truncated: true,
    });
  });
});
