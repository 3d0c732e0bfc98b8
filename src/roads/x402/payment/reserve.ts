import { advance, type Sql } from '../../../base/db/index.ts';
import { packAuthorization } from '../../../base/effect/index.ts';
import { PAYMENT, type PaymentState } from '../../../base/kernel/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import type { Ledger } from '../../../books/ledger/index.ts';
import { insertDecisions, type PolicyDecision } from '../../../books/policy/index.ts';
import { openTxs } from '../../../books/tx/index.ts';
import { type Judged, judge, type PolicyContext } from '../policy/judge.ts';
import type { Parties } from '../policy/screen.ts';
import { OWNER_KIND, PAYMENT_TOPICS } from '../topics.ts';
import { expectEarnings } from './earning.ts';
import { laterOf } from './outcome.ts';
import { type PaymentRow, readPayments } from './rows.ts';
import type { Wish } from './wish.ts';

/** Times beyond are as good as never. */
const LAST_SECOND = 253_402_300_799n;
const LONGEST_DELAY_MS = 30 * 24 * 3_600_000;

/**
 * RESERVED, with what its merchant may expect, the decision and what it takes, the transaction that is to pay and the look at
 * its expiry, in the caller's transaction; or AUTH_REJECTED with the decision that denies it. What is paid is what the row
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
  const all = payments.map((payment, index): Decided => {
    return { payment, decision: judged.decisions[index]!, inputs: judged.inputs[index] };
  });
  const decided = all.filter(({ decision }) => !decision.waits);
  const decisionIds = await storeDecisions(sql, decided, judged);
  const moved = await moveAll(sql, decided, decisionIds);
  const mine = decided.filter(({ payment }) => moved.has(payment.id));
  const allowed = mine.filter(({ decision }) => decision.verdict === 'allow');
  await expectEarnings(
    sql,
    ledger,
    allowed.map(({ payment }) => payment),
  );
  await openTxs(
    sql,
    allowed.map(({ payment }) => txOf(payment, decisionIds.get(payment.id)!)),
  );
  await enqueue(
    sql,
    allowed.flatMap(({ payment }) => expiryOf(payment)),
  );
  await judged.charge(
    sql,
    new Map(allowed.map(({ payment: { id } }) => [id, decisionIds.get(id)!])),
  );
  return {
    reserved: new Map(allowed.map((one) => [one.payment.id, reservedOf(one)])),
    unscreened: new Set(all.flatMap(({ payment, decision }) => (decision.waits ? payment.id : []))),
  };
}

type Decided = {
  payment: PaymentRow;
  decision: PolicyDecision;
  inputs: Record<string, unknown> | undefined;
};

/** One nonce may have been signed for two payees: of who is paid by the row the other one's word says nothing. */
function partiesOf({ id, payTo }: PaymentRow, wishes: ReadonlyMap<string, Wish>): Parties | null {
  const { parties, checked } = wishes.get(id)!;
  if (parties === null || checked.request.signed.payTo === payTo) return parties;
  return { ...parties, payTo: { kind: 'wanted' } };
}

/** Goes on by the tier of its decision, which may be another one than when it was handed in. */
function moveAll(
  sql: Sql,
  decided: readonly Decided[],
  decisionIds: ReadonlyMap<string, string>,
): Promise<Set<string>> {
  const moves = decided.map(({ payment: { id }, decision: { verdict } }) => {
    const to = verdict === 'allow' ? ('RESERVED' as const) : ('AUTH_REJECTED' as const);
    return { id, from: 'AUTH_VERIFIED' as const, to };
  });
  const tiers = decided.map(({ payment, decision: { tier } }) => ({
    risk_tier: tier?.name ?? payment.riskTier,
    commit_at: tier?.commitAt ?? payment.commitAt,
    wait_until: laterOf(payment.waitUntil, tier?.waitUntil),
    failure_code: tier === null ? 'policy_denied' : null,
    decision_id: tier === null ? decisionIds.get(payment.id)! : null,
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
  const { riskTier, commitAt, waitUntil } = payment;
  return {
    ...payment,
    status: 'RESERVED',
    riskTier: tier?.name ?? riskTier,
    commitAt: tier?.commitAt ?? commitAt,
    waitUntil: laterOf(waitUntil, tier?.waitUntil),
  };
}

async function storeDecisions(
  sql: Sql,
  decided: readonly Decided[],
  { policyVersion }: Judged,
): Promise<Map<string, string>> {
  const decisionIds = await insertDecisions(
    sql,
    decided.map(({ payment: { id, tenantId }, decision, inputs }) => {
      const more = inputs === undefined ? {} : { inputs };
      return { tenantId, subjectId: id, policyVersion, decision, ...more };
    }),
  );
  return new Map(decided.map(({ payment }, index) => [payment.id, decisionIds[index]!]));
}

function txOf(payment: PaymentRow, decisionId: string) {
  const { tenantId, id, authorizationId, chainId, asset, token, payTo, amount } = payment;
  return {
    tenantId,
    ownerKind: OWNER_KIND,
    ownerId: id,
    intentId: authorizationId,
    operation: OWNER_KIND,
    idempotencyKey: authorizationId,
    chainId,
    asset,
    token,
    recipient: payTo,
    amount,
    payerAuthorization: packAuthorization(payment),
    ...(payment.takenBy === null ? {} : { fromLane: payment.takenBy }),
    decisionId,
    settleAt: 'included' as const,
    expiresAt:
      payment.validBefore > LAST_SECOND ? null : new Date(Number(payment.validBefore) * 1000),
    correlationId: payment.correlationId,
  };
}

/** Payers sign for minutes; what is good for months is looked at only by what becomes of its transaction. */
function expiryOf({ id, tenantId, validBefore, correlationId }: PaymentRow) {
  const delayMs = Number(validBefore) * 1000 - Date.now();
  if (delayMs > LONGEST_DELAY_MS) return [];
  const topic = PAYMENT_TOPICS.expire;
  return [{ topic, subjectId: id, tenantId, delayMs: Math.max(0, delayMs), trace: correlationId }];
}
