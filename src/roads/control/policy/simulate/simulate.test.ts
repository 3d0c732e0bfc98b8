import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../../test/support/main-database.ts';
import { type AssetSettings, Assets } from '../../../../base/config/index.ts';
import { isRefusal } from '../../../../base/kernel/index.ts';
import { policyWorld, readPolicyBody } from '../../../../books/policy/index.ts';
import { pastWithdrawals } from '../../../withdrawal/index.ts';
import { pastPayments } from '../../../x402/index.ts';
import { parseSimulation } from './request.ts';
import { simulatePolicy } from './simulate.ts';

const USD: AssetSettings = {
  ...{ id: 'USD', caip19: 'eip155:1/slip44:60', chain: 'base', chainId: 1, address: null },
  ...{ decimals: 0, minimum: 1n, fee: 0n, tiers: [] },
};
const NO_APPROVALS = {
  ...{ approvers: [], groups: [], thresholds: [], webauthn: null, expireAfterMs: 1 },
};
const settings = {
  ...{ chains: [], assets: [USD], lanes: [], screening: null },
  guard: { approvals: NO_APPROVALS, walletGroups: [], limits: [] },
};
const assets = new Assets([USD]);
const TO = 'aa'.repeat(20);

let at: MainDatabase;
let tenantId: string;
beforeAll(async () => {
  at = await MainDatabase.start();
});
afterAll(() => at.stop());
beforeEach(async () => {
  tenantId = await at.tenant(randomUUID());
});

type Past = {
  hoursAgo: number;
  amount?: number;
  account?: string;
  status?: string;
  verdict?: 'allow' | 'deny';
  tier?: string | null;
  inputs?: object | null;
  /** When it ended. */
  endedHoursAgo?: number;
  hold?: boolean;
};

/** A withdrawal that was decided so long ago. Its id. */
async function past({
  hoursAgo,
  amount = 60,
  account = 'alice',
  status = 'COMPLETED',
  verdict = 'allow',
  tier = 'any',
  inputs = null,
  endedHoursAgo = hoursAgo,
  hold = false,
}: Past): Promise<string> {
  const [row] = await at.rows<{ id: string }>(
    `WITH id AS (SELECT overlay(payonce_uuid_at(now() - $1 * interval '1 hour')::text
        PLACING substr(gen_random_uuid()::text, 20) FROM 20)::uuid AS id),
     d AS (INSERT INTO decision (decision_id, tenant_id, subject_id, policy_version, verdict, tier, commit_at, trace, inputs, created_at)
       SELECT payonce_uuid7(), $2, id, 'config:1', $6, $7, 'safe', '[]', $8, now() - $1 * interval '1 hour' FROM id
       RETURNING decision_id),
     h AS (INSERT INTO policy_hold (tenant_id, subject_id, decision_id, rule_id, gate, expires_at)
       SELECT $2, id, decision_id, 'h', 'travel_rule', now() FROM id, d WHERE $11)
     INSERT INTO withdrawal (withdrawal_id, tenant_id, account, asset, amount, fee, recipient, idempotency_key,
       correlation_id, status, decision_id, updated_at)
     SELECT id, $2, $3, $9, $4, 0, decode($10, 'hex'), id::text, 'c', 'RESERVED', decision_id, now() - $5 * interval '1 hour'
     FROM id, d RETURNING withdrawal_id AS id`,
    [
      ...[hoursAgo, tenantId, account, amount, endedHoursAgo, verdict, tier, inputs],
      ...[USD.caip19, TO, hold],
    ],
  );
  // As it stands by now: the machine's own way there is not what is looked at.
  await at.rows('ALTER TABLE withdrawal DISABLE TRIGGER withdrawal_update');
  await at.rows('UPDATE withdrawal SET status = $2 WHERE withdrawal_id = $1', [row!.id, status]);
  await at.rows('ALTER TABLE withdrawal ENABLE TRIGGER withdrawal_update');
  return row!.id;
}

const BASE = `version: 1
rules:
  - { id: all, type: allow }
  - { id: t, type: tiers, match: { assets: [USD] }, tiers: [{ name: any, commitAt: safe }] }
`;
const DAY =
  '  - { id: day, type: window, match: { assets: [USD] }, per: account, window: 24h, amount: "100" }\n';

async function simulate(
  document: string,
  more: { days?: number; most?: number; limit?: number } = {},
) {
  const policy = readPolicyBody(document, policyWorld(settings));
  if (isRefusal(policy)) throw new Error(policy.detail);
  const asked = { tenantId, policy, days: 30, most: 1_000, limit: 100, ...more };
  const context = { assets, settings };
  return simulatePolicy([pastWithdrawals(context), pastPayments(context)], at.app, asked);
}

describe('a simulation', () => {
  it('says nothing of what the document would have done too', async () => {
    await past({ hoursAgo: 2 });
    await past({ hoursAgo: 1 });
    expect(await simulate(BASE)).toMatchObject({
      ...{ looked: 2, warmedUp: 0, truncated: false, differences: [], more: false },
      outcomes: [{ kind: 'withdrawal', was: 'allowed', would: 'allowed', count: 2 }],
    });
  });

  it('replays windows in the order of time: what it would have denied takes nothing', async () => {
    await past({ hoursAgo: 50 });
    const denied = await past({ hoursAgo: 49 });
    await past({ hoursAgo: 48, amount: 40 });
    await past({ hoursAgo: 24 });
    await past({ hoursAgo: 49, account: 'bob' });
    const { differences, outcomes } = await simulate(BASE + DAY);
    expect(differences).toMatchObject([
      {
        ...{ kind: 'withdrawal', id: denied, account: 'alice', amountAtomic: '60' },
        ...{ was: { outcome: 'allowed', tier: 'any' }, would: { outcome: 'denied', tier: null } },
        reason: 'day: 120 of 100',
      },
    ]);
    expect(outcomes.find(({ would }) => would === 'denied')?.count).toBe(1);
  });

  it('fills windows by what came before the days asked for, and does not tell of it', async () => {
    await past({ hoursAgo: 30 });
    const denied = await past({ hoursAgo: 20 });
    const told = await simulate(BASE + DAY, { days: 1 });
    expect(told).toMatchObject({
      looked: 1,
      warmedUp: 1,
      differences: [{ kind: 'withdrawal', id: denied }],
    });
    expect(await simulate(BASE, { days: 1 })).toMatchObject({ looked: 1, warmedUp: 0 });
  });

  it.each<[string, string, number]>([
    ['was cancelled', 'CANCELLED', 0],
    ['failed', 'FAILED', 0],
    ['was paid', 'COMPLETED', 1],
  ])('gives back what %s: %s', async (_, status, denials) => {
    await past({ hoursAgo: 5, status, endedHoursAgo: 4 });
    await past({ hoursAgo: 3 });
    expect((await simulate(BASE + DAY)).differences).toHaveLength(denials);
  });

  it('has what ended later still in its windows', async () => {
    await past({ hoursAgo: 5, status: 'CANCELLED', endedHoursAgo: 2 });
    await past({ hoursAgo: 3 });
    expect((await simulate(BASE + DAY)).differences).toHaveLength(1);
  });

  it('tells what was denied and would be paid, what was held and would not be, and another tier', async () => {
    await past({ hoursAgo: 3, verdict: 'deny', tier: null, status: 'REJECTED' });
    await past({ hoursAgo: 2, hold: true });
    await past({ hoursAgo: 1, tier: 'other' });
    const { differences } = await simulate(BASE);
    expect(differences.map(({ was, would }) => [was.outcome, would.outcome])).toEqual([
      ['denied', 'allowed'],
      ['held', 'allowed'],
      ['allowed', 'allowed'],
    ]);
    expect(differences[2]).toMatchObject({ was: { tier: 'other' }, would: { tier: 'any' } });
  });

  it('asks by what was known of the destination then', async () => {
    const screening = { kind: 'known', at: 1, score: 70, category: 'mixer', source: 'toy' };
    await past({ hoursAgo: 3, inputs: { screening } });
    await past({ hoursAgo: 2 });
    await at.rows(
      `WITH p AS (INSERT INTO person (person_id) VALUES (gen_random_uuid()) RETURNING person_id)
       INSERT INTO address_book_entry (tenant_id, address, label, added_by, added_at)
       SELECT $1, decode($2, 'hex'), 'x', person_id, now() - interval '150 minutes' FROM p`,
      [tenantId, TO],
    );
    const mixers = '  - { id: no, type: deny, match: { riskCategories: [mixer] } }\n';
    expect((await simulate(BASE + mixers)).differences).toMatchObject([{ reason: 'no: denied' }]);
    const book = '  - { id: book, type: address_book, coolDown: 1m }\n';
    expect((await simulate(BASE + book)).differences).toMatchObject([
      { reason: 'book: not in the address book' },
    ]);
  });

  it('looks at the newest where there are too many, and tells no more than is asked for', async () => {
    for (const hoursAgo of [4, 3, 2, 1]) await past({ hoursAgo, tier: 'other' });
    expect(await simulate(BASE, { most: 3 })).toMatchObject({ looked: 3, truncated: true });
    expect(await simulate(BASE, { most: 4 })).toMatchObject({ looked: 4, truncated: false });
    const told = await simulate(BASE, { limit: 2 });
    expect([told.differences.length, told.more, told.looked]).toEqual([2, true, 4]);
  });

  it('sees the withdrawals of one tenant alone, and writes nothing', async () => {
    await past({ hoursAgo: 1 });
    tenantId = await at.tenant(randomUUID());
    const count = `SELECT (SELECT count(*) FROM decision) + (SELECT count(*) FROM policy_counter)
      + (SELECT count(*) FROM policy_version) + (SELECT count(*) FROM policy_charge) AS n`;
    const before = await at.rows(count);
    expect(await simulate(BASE + DAY)).toMatchObject({ looked: 0, outcomes: [] });
    expect(await at.rows(count)).toEqual(before);
  });
});

describe('a request for one', () => {
  const world = policyWorld(settings);
  it.each<[string, unknown, string]>([
    ['no object', 'x', 'invalid_request'],
    ['no document', {}, 'invalid_request'],
    ['no days', { document: BASE, days: 0 }, 'invalid_request'],
    ['too many days', { document: BASE, days: 367 }, 'invalid_request'],
    ['half a day', { document: BASE, days: 0.5 }, 'invalid_request'],
    ['days in text', { document: BASE, days: '3' }, 'invalid_request'],
    ['too many differences', { document: BASE, limit: 201 }, 'invalid_request'],
    ['an unknown field', { document: BASE, from: 'x' }, 'unknown_field'],
    ['a faulty document', { document: 'version: 2' }, 'policy_faulty'],
  ])('with %s is refused', (_, body, code) => {
    expect(parseSimulation(body, world)).toMatchObject({ code });
  });

  it('is about 30 days unless it says otherwise', () => {
    expect(parseSimulation({ document: BASE }, world)).toMatchObject({ days: 30, limit: 200 });
  });
});
