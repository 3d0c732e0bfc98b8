import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Person, personOf } from '../../../../test/support/persons.ts';
import { ruleBy } from '../../../../test/support/policy.ts';
import { type TestDatabases, testDatabases } from '../../../../test/support/postgres.ts';
import { finish } from '../../../../test/support/steps/finish.ts';
import { brokenLaws } from '../../../../test/support/steps/laws.ts';
import type { Processes } from '../../../../test/support/steps/processes.ts';
import { Road } from '../../../../test/support/steps/road.ts';
import {
  land,
  openShop,
  type Paying,
  signAll,
  usesOn,
} from '../../../../test/support/x402/paying.ts';
import { type Hex, isRefusal } from '../../../base/kernel/index.ts';
import type { Merchant } from '../../../books/access/index.ts';
import { ApprovalService } from '../../approval/index.ts';
import { readLaws } from '../../reconcile/index.ts';
import { announceSuperseded, type PaymentView, paymentIntents } from '../index.ts';

const USDC = 1_000_000n;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const alice = personOf('alice');
const bob = personOf('bob');
const POLICY = (most: string) => `version: 1
rules:
  - { id: all, type: allow, match: { kinds: [withdrawal, payment] } }
  - { id: day, type: window, match: { kinds: [payment], assets: [USDC] }, per: tenant, window: 24h, amount: "${most}" }
  - id: tiers
    type: tiers
    match: { kinds: [payment], assets: [USDC] }
    tiers:
      - { name: low, upTo: "1", commitAt: safe }
      - { name: high, commitAt: finalized, waitUntil: safe, approvals: { all: [{ group: finance, count: 1 }] }, auditSample: 1 }
`;

/** Not about payments: the configuration decides. */
const SILENT = `version: 1
rules: [{ id: all, type: allow, match: { kinds: [withdrawal] } }]`;

let databases: TestDatabases;
let road: Road;
let on: Processes;
let approvals: ApprovalService;
let merchant: Merchant;
let seed = 0;
beforeAll(async () => {
  databases = await testDatabases();
  road = await Road.open(databases, {
    guard: ({ assets }) => ({
      approvals: {
        approvers: [alice, bob].map(({ settings }) => settings),
        groups: [{ id: 'finance', members: ['alice', 'bob'] }],
        thresholds: [
          {
            ...{ kind: 'payment', asset: assets[0]!.caip19, above: 6n * USDC },
            requirement: { group: 'finance', count: 2 },
          },
        ],
        webauthn: null,
        expireAfterMs: 100_000,
      },
    }),
  });
  merchant = await openShop(road);
  await ruleBy(road, POLICY('9'));
  await road.keep();
  approvals = new ApprovalService({
    ...{ db: road.wires.app, settings: road.settings },
    intents: { withdrawal: async () => new Map(), payment: paymentIntents },
  });
});
beforeEach(async () => {
  await road.reset();
  on = await road.start();
});
afterAll(async () => {
  await road?.close();
  await databases?.drop();
});

async function sign(amount: bigint, more: { by?: 'upto'; custodial?: boolean } = {}) {
  const order = { payer: 0, amount, custodial: true, again: null, ...more } as const;
  seed += 1;
  const [paying] = await signAll(road, { seed, orders: [order] });
  return paying!;
}
const told = { correlationId: 'c' };
type Told = { status: number; body: Record<string, unknown> };
const settle = async ({ settling }: Paying) =>
  (await on.facilitator.settle(merchant, settling, told)) as Told;
const read = async (): Promise<PaymentView> => (await on.payments.find(merchant, {}))[0]!;

/** One that waits for persons. */
async function waiting(amount: bigint, more: Parameters<typeof sign>[1] = {}) {
  const paying = await sign(amount, more);
  expect((await settle(paying)).status).toBe(202);
  return { paying, id: (await read()).id };
}
async function give(id: string, person: Person): Promise<string> {
  const { digest } = (await approvals.get(road.tenantId, id))!;
  const said = await approvals.approve(road.tenantId, id, person.body(digest as Hex));
  return isRefusal(said) ? said.code : said.status;
}
const count = async (table: string) =>
  Number((await road.owner.query(`SELECT count(*) AS n FROM ${table}`)).rows[0].n);
const mined = async (blocks: number) => {
  road.chain.mine(blocks);
  while (await on.observe());
};
const LAWS = readLaws().filter(({ name }) =>
  /^(policy\/(payment|given)|tx\/(approved|decision)|queue\/payments)/.test(name),
);
const lawful = async () => {
  for (const { name, query } of LAWS) {
    const { rows } = await road.laws.query(query, [JSON.stringify({ since: FIRST_ID })]);
    expect([name, rows]).toEqual([name, []]);
  }
};
const calm = async () => {
  expect(await finish(road, on)).toEqual([]);
  await lawful();
  expect(await brokenLaws(road, true)).toEqual([]);
};
const taken = async (): Promise<{ amount: bigint; held: boolean }[]> =>
  (await road.owner.query('SELECT amount, released_at IS NULL AS held FROM policy_charge')).rows;

describe('a payment of a tier that asks persons', () => {
  it('is told as under way and reserves nothing, until they have said yes', async () => {
    const { paying, id } = await waiting(5n * USDC);
    const again = await settle(paying);
    expect(again).toMatchObject({
      status: 202,
      body: { errorReason: 'settlement_pending', transaction: '', extra: { paymentId: id } },
    });
    expect(again.body).not.toHaveProperty('success');
    const verified = await on.facilitator.verify(merchant, paying.body, told);
    expect(verified).toMatchObject({ status: 202, body: { invalidReason: 'settlement_pending' } });
    expect(verified.body).not.toHaveProperty('isValid');
    expect(await read()).toMatchObject({
      ...{ status: 'AUTH_VERIFIED', waiting: { reason: 'approval' } },
      ...{ approvals: { required: 1, given: 0 }, waitUntil: 'safe' },
      decision: { verdict: 'allow' },
    });
    expect([await count('tx'), await count('decision')]).toEqual([0, 1]);
    await lawful();
    expect(await taken()).toEqual([{ amount: 5n * USDC, held: true }]);
    expect(await give(id, alice)).toBe('APPROVED');
    await calm();
    expect(await read()).toMatchObject({
      ...{ status: 'SETTLED', waiting: null, approvals: { required: 1, given: 1 } },
    });
    expect(usesOn(road).get(paying.nonce)).toHaveLength(1);
    expect(await taken()).toEqual([{ amount: 5n * USDC, held: true }]);
    expect(await settle(paying)).toMatchObject({ status: 200, body: { success: true } });
  });

  it('is shown with all that its digest is made of', async () => {
    const { paying, id } = await waiting(5n * USDC);
    const [listed] = await approvals.list(road.tenantId, { limit: 9, before: null });
    expect(listed?.view).toMatchObject({
      ...{ withdrawalId: null, paymentId: id, required: 1 },
      content: { amount: '5000000', initiator: paying.payer, expiry: expect.any(Number) },
      intent: { operation: 'payment', payer: paying.payer, nonce: paying.nonce },
    });
    expect(await approvals.get(randomUUID(), id)).toBeNull();
  });

  it('of what is charged asks about the charge', async () => {
    const { paying, id } = await waiting(8n * USDC, { by: 'upto' });
    expect((await approvals.get(road.tenantId, id))?.content['amount']).toBe('4000000');
    expect(await give(id, bob)).toBe('APPROVED');
    await calm();
    expect(await read()).toMatchObject({ status: 'SETTLED', amountAtomic: '4000000' });
    expect(usesOn(road).get(paying.nonce)).toHaveLength(1);
  });

  it('waits for as many as the signer wants, who verifies them by itself', async () => {
    const { id } = await waiting(7n * USDC);
    expect(await give(id, alice)).toBe('PENDING');
    await on.job('payment.approve');
    expect((await read()).approvals).toEqual({ required: 2, given: 1 });
    expect(await give(id, bob)).toBe('APPROVED');
    await calm();
    expect(await read()).toMatchObject({ status: 'SETTLED' });
  });

  it('gets no signature for what persons did not approve', async () => {
    const { paying, id } = await waiting(7n * USDC);
    expect([await give(id, alice), await give(id, bob)]).toEqual(['PENDING', 'APPROVED']);
    await road.owner.query(`UPDATE approval_request SET initiator = '0x' || repeat('22', 20)`);
    await calm();
    expect(await read()).toMatchObject({ status: 'CHAIN_FAILED' });
    expect(usesOn(road).get(paying.nonce)).toBeUndefined();
  });

  it('is failed when one rejects it, at once, and takes nothing', async () => {
    const { paying, id } = await waiting(5n * USDC);
    const said = { body: { reason: 'not ours' }, by: 'API key 1' };
    expect(await approvals.reject(road.tenantId, id, said)).toMatchObject({ status: 'REJECTED' });
    await on.job('payment.unapproved');
    expect(await settle(paying)).toMatchObject({
      status: 200,
      body: { success: false, errorReason: 'approval_rejected' },
    });
    expect(await read()).toMatchObject({
      ...{ status: 'AUTH_REJECTED', waiting: null, failure: { code: 'approval_rejected' } },
    });
    expect(await taken()).toEqual([{ amount: 5n * USDC, held: false }]);
    expect(await give(id, alice)).toBe('approval_closed');
    await calm();
  });

  it('ends with the time of its approvers', async () => {
    const { id } = await waiting(5n * USDC);
    await on.job('payment.unapproved');
    expect((await read()).status).toBe('AUTH_VERIFIED');
    await road.owner.query('UPDATE approval_request SET expiry = 1');
    await road.clock.elapse(101_000);
    expect(await give(id, alice)).toBe('approval_expired');
    await on.job('payment.unapproved');
    expect(await read()).toMatchObject({
      ...{ status: 'AUTH_REJECTED', failure: { code: 'approval_expired' } },
    });
    expect((await approvals.get(road.tenantId, id))?.status).toBe('EXPIRED');
    expect(await taken()).toEqual([{ amount: 5n * USDC, held: false }]);
    await calm();
  });

  it('expires by the clock of the chain where its own time ends with theirs', async () => {
    await waiting(5n * USDC);
    await road.owner.query(`WITH ended AS (UPDATE approval_request SET expiry = extract(epoch FROM now())::bigint - 1
      RETURNING owner_id, expiry) UPDATE payment SET valid_before = expiry FROM ended WHERE payment_id = owner_id`);
    await road.clock.elapse(101_000);
    await on.job('payment.unapproved');
    // The last final block is older.
    expect((await read()).status).toBe('AUTH_VERIFIED');
    await mined(9);
    await road.clock.elapse(6_000);
    await on.job('payment.unapproved');
    expect(await read()).toMatchObject({ status: 'EXPIRED', waiting: null });
    expect(await taken()).toEqual([{ amount: 5n * USDC, held: false }]);
    await calm();
  });

  it('is what somebody else landed by the time that persons approve it', async () => {
    const { paying, id } = await waiting(5n * USDC);
    land(road, paying);
    await mined(1);
    expect(await give(id, alice)).toBe('APPROVED');
    await calm();
    expect(await read()).toMatchObject({ status: 'SETTLED' });
    expect(usesOn(road).get(paying.nonce)).toMatchObject([{ byUs: false }]);
  });

  it('ends when its policy is tightened, and nobody is asked in vain', async () => {
    const { paying, id } = await waiting(5n * USDC);
    await ruleBy(road, POLICY('8'));
    await announceSuperseded(road.wires.app);
    await on.job('payment.unapproved');
    expect(await read()).toMatchObject({
      ...{ status: 'AUTH_REJECTED', failure: { code: 'policy_superseded' } },
    });
    expect(await give(id, alice)).toBe('approval_closed');
    expect((await settle(paying)).body).toMatchObject({ errorReason: 'policy_superseded' });
    await calm();
  });

  it.each([
    ['a tightening', POLICY('9')],
    ['a document that is about payments', SILENT],
  ])('is not reserved on a yes to what was decided before %s', async (_, before) => {
    await ruleBy(road, before);
    const { id } = await waiting(7n * USDC);
    expect([await give(id, alice), await give(id, bob)]).toEqual(['PENDING', 'APPROVED']);
    await ruleBy(road, POLICY('8'));
    await on.job('payment.approve');
    expect([(await read()).status, await count('tx')]).toEqual(['AUTH_VERIFIED', 0]);
    await on.job('payment.unapproved');
    expect(await read()).toMatchObject({ failure: { code: 'policy_superseded' } });
    await calm();
  });

  it('counts in its windows from the decision on', async () => {
    await waiting(5n * USDC);
    const other = await sign(5n * USDC, { custodial: false });
    expect((await settle(other)).body).toMatchObject({ errorReason: 'policy_denied' });
  });

  it('is reserved by the database only after they approved it', async () => {
    const { id } = await waiting(5n * USDC);
    const reserved = road.owner.query(
      `UPDATE payment SET status = 'RESERVED' WHERE payment_id = $1`,
      [id],
    );
    await expect(reserved).rejects.toThrow(/persons have not approved it/);
  });
});
