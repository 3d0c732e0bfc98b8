import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Hex, isRefusal } from '../../src/base/kernel/index.ts';
import type { Merchant } from '../../src/books/access/index.ts';
import { ApprovalService } from '../../src/roads/approval/index.ts';
import { paymentIntents } from '../../src/roads/x402/index.ts';
import { personOf } from '../support/persons.ts';
import { ruleBy } from '../support/policy.ts';
import { testDatabases } from '../support/postgres.ts';
import { Road } from '../support/steps/road.ts';
import { openShop, type Paying, signOne, usesOn } from '../support/x402/paying.ts';
import {
  before,
  collect,
  given,
  job,
  mine,
  observe,
  prepare,
  type Scenario,
  sign,
  type Tried,
  tried,
} from './scenarios.ts';
import { tryEverywhere } from './tries.ts';

const alice = personOf('alice');
const POLICY = `version: 1
rules:
  - { id: all, type: allow, match: { kinds: [withdrawal, payment] } }
  - id: tiers
    type: tiers
    match: { kinds: [payment], assets: [USDC] }
    tiers:
      - { name: high, commitAt: finalized, approvals: { all: [{ group: finance, count: 1 }] } }
`;

/** What persons are asked about, each with what they say to it. */
function scenarios(road: Road, merchant: Merchant): Scenario[] {
  let paying: Paying;
  const approvals = new ApprovalService({
    ...{ db: road.wires.app, settings: road.settings },
    intents: { withdrawal: async () => new Map(), payment: paymentIntents },
  });
  const signed = given(async () => {
    paying = await signOne(road);
  });
  /** Who does not know whether anybody was asked settles again; persons speak when it is told as under way. */
  const settle = (say: () => Promise<void>): Tried => ({
    ...tried('settle', async (on) => {
      const told = { correlationId: randomUUID() };
      const { status } = await on.facilitator.settle(merchant, paying.settling, told);
      if (status !== 202) throw new Error(`settle was told ${status}`);
      await say();
    }),
    again: true,
  });
  const asked = async () => {
    const { rows } = await road.owner.query<{ id: string }>('SELECT payment_id AS id FROM payment');
    const { id } = rows[0]!;
    const { digest } = (await approvals.get(road.tenantId, id))!;
    return { id, digest: digest as Hex };
  };
  const approve = async () => {
    const { id, digest } = await asked();
    const said = await approvals.approve(road.tenantId, id, alice.body(digest));
    if (isRefusal(said)) throw new Error(said.detail);
  };
  const reject = async () => {
    const { id } = await asked();
    const said = await approvals.reject(road.tenantId, id, {
      by: 'a key',
      body: { reason: 'a test' },
    });
    if (isRefusal(said)) throw new Error(said.detail);
  };
  const rest = [prepare, sign, collect, mine(1), observe, mine(9), observe];
  const ends = () => asApproved(road, paying);
  return [
    {
      name: 'a payment that persons approve',
      acts: [
        ...[signed, settle(approve), job('payment.approve')],
        ...rest.map((act) => ('step' in act ? before(act) : act)),
        ...[before(job('payment.settle')), before(job('payment.final'))],
      ],
      ends,
    },
    {
      name: 'a payment that persons reject',
      acts: [signed, before(settle(reject)), job('payment.unapproved')],
      ends,
    },
  ];
}

/** Paid once where they said yes, and never otherwise. */
async function asApproved(road: Road, { nonce }: Paying): Promise<string[]> {
  const { rows } = await road.owner.query<{ status: string; said: string | null }>(
    `SELECT p.status, r.status AS said FROM payment p
     LEFT JOIN approval_request r ON r.owner_id = p.payment_id`,
  );
  const used = usesOn(road).get(nonce)?.length ?? 0;
  const [status, said] = [rows[0]?.status, rows[0]?.said];
  const paid = status === 'SETTLED' && used === 1;
  const refused = status === 'AUTH_REJECTED' && used === 0;
  const right = { APPROVED: paid, REJECTED: refused }[said ?? ''] ?? false;
  return rows.length === 1 && right
    ? []
    : [`${rows.length} payments, ${status}, paid ${used} times, persons: ${said}`];
}

describe('a kill at every await of a payment that persons are asked about', () => {
  it.each(['a payment that persons approve', 'a payment that persons reject'])(
    'leaves %s as if nothing had been',
    async (name) => {
      const own = await testDatabases();
      const road = await Road.open(own, {
        endings: 'roll back',
        guard: () => ({
          approvals: {
            approvers: [alice.settings],
            groups: [{ id: 'finance', members: ['alice'] }],
            thresholds: [],
            webauthn: null,
            expireAfterMs: 3_600_000,
          },
        }),
      });
      try {
        const merchant = await openShop(road);
        await ruleBy(road, POLICY);
        await road.keep();
        const scenario = scenarios(road, merchant).find((one) => one.name === name)!;
        const { places, tries, broken } = await tryEverywhere(road, scenario, () => ['kill']);
        console.log(`${name}: ${places.length} points, ${tries} tries`);
        expect(broken).toEqual([]);
        expect(tries).toBeGreaterThan(10);
      } finally {
        await road.close();
        await own.drop();
      }
    },
  );
});
