import type { Requirement } from '../../../base/config/index.ts';
import { advance, type Sql } from '../../../base/db/index.ts';
import { PAYMENT, type PaymentState } from '../../../base/kernel/index.ts';
import type { Ledger } from '../../../books/ledger/index.ts';
import { insertDecisions, type PolicyDecision } from '../../../books/policy/index.ts';
import { askApprovers } from '../approval/ask.ts';
import { judge, type PolicyContext, requirementsOf } from '../policy/judge.ts';
import type { Parties } from '../policy/screen.ts';
import { tierColumns } from '../policy/tier.ts';
import { openPayments } from './open.ts';
import { type PaymentRow, readPayments } from './rows.ts';
import type { Wish } from './wish.ts';

/**
 * RESERVED, with what its merchant may expect, the decision and what it takes, the transaction that is to pay and the look at
 * its expiry, in the caller's transaction; or AUTH_REJECTED with the decision that denies it; or left where it is, with the
 * decision and what it takes, until persons have answered. What is paid is what the row
 * holds, also where a duplicate of it was handed in. The intent is the authorization: whatever runs twice, the
 * database refuses a second one. Returns those that are RESERVED, by id, and those
 * left undecided since nobody could say how risky they are.
 */
export async function reserve(
  sql: Sql,
  rows: ReadonlyMap<string, { status: PaymentState }>,
  wishes: ReadonlyMap<string, Wish>,
  { ledger, ...context }: PolicyContext & { ledger: Ledger },
): Promise<{ reserved: Map<string, PaymentRow>; unscreened: Set<string> }> {
  const ids = [...wishes.keys()];
  if (ids.length === 0) return { reserved: new Map(), unscreened: new Set() };
  await advance(
    sql,
    PAYMENT,
    ids
      .filter((id) => rows.get(id)!.status === 'AUTH_SIGNED')
      .map((id) => ({ id, from: 'AUTH_SIGNED', to: 'AUTH_VERIFIED' })),
  );
  // Who came first is asked first.
  const payments = [...(await readPayments(sql, ids)).values()].sort((a, b) =>
    a.id < b.id ? -1 : 1,
  );
  const judged = await judge(
    context,
    sql,
    payments.map((payment) => ({ ...payment, parties: partiesOf(payment, wishes) })),
  );
  const all = payments.map((payment, index): Judging => {
    return { payment, decision: judged.decisions[index]!, inputs: judged.inputs[index] };
  });
  const decided = await storeDecisions(
    sql,
    all.filter(({ decision }) => !decision.waits),
    { policyVersion: judged.policyVersion, settings: context.settings },
  );
  const asked = decided.filter(({ requirements }) => requirements.length > 0);
  await askApprovers({ ...context, policyVersion: judged.policyVersion }, sql, asked);
  const settling = asked.length === 0 ? decided : decided.filter((one) => !asked.includes(one));
  const moved = await moveAll(sql, settling);
  const mine = settling.filter(({ payment }) => moved.has(payment.id));
  const allowed = mine.filter(({ decision }) => decision.verdict === 'allow');
  await openPayments(sql, ledger, allowed);
  const taking = asked.length === 0 ? allowed : [...allowed, ...asked];
  await judged.charge(
    sql,
    new Map(taking.map(({ payment: { id }, decisionId }) => [id, decisionId])),
  );
  return {
    reserved: new Map(allowed.map((one) => [one.payment.id, reservedOf(one)])),
    unscreened: new Set(all.flatMap(({ payment, decision }) => (decision.waits ? payment.id : []))),
  };
}

type Judging = {
  payment: PaymentRow;
  decision: PolicyDecision;
  inputs: Record<string, unknown> | undefined;
};

/** `requirements`: what persons are asked for first; none: nobody is asked. */
type Decided = Judging & { decisionId: string; requirements: readonly Requirement[] };

/** One nonce may have been signed for two payees: of who is paid by the row the other one's word says nothing. */
function partiesOf({ id, payTo }: PaymentRow, wishes: ReadonlyMap<string, Wish>): Parties | null {
  const { parties, checked } = wishes.get(id)!;
  if (parties === null || checked.request.signed.payTo === payTo) return parties;
  return { ...parties, payTo: { kind: 'wanted' } };
}

/** Goes on by the tier of its decision, which may be another one than when it was handed in. */
function moveAll(sql: Sql, decided: readonly Decided[]): Promise<Set<string>> {
  const moves = decided.map(({ payment: { id }, decision: { verdict } }) => {
    const to = verdict === 'allow' ? ('RESERVED' as const) : ('AUTH_REJECTED' as const);
    return { id, from: 'AUTH_VERIFIED' as const, to };
  });
  const tiers = decided.map(({ payment, decision: { tier }, decisionId }) => ({
    ...tierColumns(payment, tier),
    failure_code: tier === null ? 'policy_denied' : null,
    decision_id: tier === null ? decisionId : null,
  }));
  const same = decided.every(({ payment }, index) => {
    const { risk_tier, commit_at, wait_until } = tiers[index]!;
    const { riskTier, commitAt, waitUntil } = payment;
    return risk_tier === riskTier && commit_at === commitAt && wait_until === waitUntil;
  });
  const columns = [...(same ? [] : TIER), 'failure_code', 'decision_id'] as const;
  return advance(
    sql,
    PAYMENT,
    moves,
    Object.fromEntries(
      columns.map((name) => {
        const type = name === 'decision_id' ? 'uuid' : 'text';
        return [name, { type, values: tiers.map((one) => one[name]) }];
      }),
    ),
  );
}

const TIER = ['risk_tier', 'commit_at', 'wait_until'] as const;

function reservedOf({ payment, decision: { tier } }: Decided): PaymentRow {
  const { risk_tier, commit_at, wait_until } = tierColumns(payment, tier);
  const by = { riskTier: risk_tier, commitAt: commit_at, waitUntil: wait_until };
  return { ...payment, status: 'RESERVED', ...by };
}

async function storeDecisions(
  sql: Sql,
  judging: readonly Judging[],
  { policyVersion, settings }: { policyVersion: string } & Pick<PolicyContext, 'settings'>,
): Promise<Decided[]> {
  const decisionIds = await insertDecisions(
    sql,
    judging.map(({ payment: { id, tenantId }, decision, inputs }) => {
      const more = inputs === undefined ? {} : { inputs };
      return { tenantId, subjectId: id, policyVersion, decision, ...more };
    }),
  );
  return judging.map((one, index) => {
    const requirements = requirementsOf(settings, one.payment, one.decision);
    return { ...one, decisionId: decisionIds[index]!, requirements };
  });
}
