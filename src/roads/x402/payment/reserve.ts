import type { Assets } from '../../../base/config/index.ts';
import { advance, type Sql } from '../../../base/db/index.ts';
import { packAuthorization } from '../../../base/effect/index.ts';
import { PAYMENT, type PaymentState } from '../../../base/kernel/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import type { Ledger } from '../../../books/ledger/index.ts';
import { evaluateTiers, insertDecisions } from '../../../books/policy/index.ts';
import { openTxs } from '../../../books/tx/index.ts';
import { OWNER_KIND, PAYMENT_TOPICS } from '../topics.ts';
import { expectEarnings } from './earning.ts';
import { type PaymentRow, readPayments } from './rows.ts';

/** Times beyond are as good as never. */
const LAST_SECOND = 253_402_300_799n;
const LONGEST_DELAY_MS = 30 * 24 * 3_600_000;

/**
 * RESERVED, with what its merchant may expect, the decision, the transaction that is to pay and the look at its expiry, in the caller's
 * transaction. What is paid is what the row holds, also where a duplicate of it was handed in. The intent is the
 * authorization: whatever runs twice, the database refuses a second one.
 */
export async function reserve(
  sql: Sql,
  rows: ReadonlyMap<string, { status: PaymentState }>,
  ids: readonly string[],
  options: { policyVersion: string; assets: Assets; ledger: Ledger },
): Promise<void> {
  if (ids.length === 0) return;
  const assetOf = (caip19: string) => options.assets.find(caip19)!;
  await advance(
    sql,
    PAYMENT,
    ids
      .filter((id) => rows.get(id)!.status === 'AUTH_SIGNED')
      .map((id) => ({ id, from: 'AUTH_SIGNED', to: 'AUTH_VERIFIED' })),
  );
  const moved = await advance(
    sql,
    PAYMENT,
    ids.map((id) => ({ id, from: 'AUTH_VERIFIED', to: 'RESERVED' })),
  );
  const reserved = [...(await readPayments(sql, [...moved])).values()];
  await expectEarnings(sql, options.ledger, reserved);
  const decided = reserved.map(({ id, tenantId, asset, amount }) => {
    const decision = evaluateTiers({ asset: assetOf(asset), amount });
    return { tenantId, subjectId: id, policyVersion: options.policyVersion, decision };
  });
  const decisionIds = await insertDecisions(sql, decided);
  await openTxs(
    sql,
    reserved.map((payment, index) => txOf(payment, decisionIds[index]!)),
  );
  await enqueue(sql, reserved.flatMap(expiryOf));
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
