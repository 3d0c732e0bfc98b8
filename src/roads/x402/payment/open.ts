import type { Sql } from '../../../base/db/index.ts';
import { packAuthorization } from '../../../base/effect/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import type { Ledger } from '../../../books/ledger/index.ts';
import { openTxs } from '../../../books/tx/index.ts';
import { OWNER_KIND, PAYMENT_TOPICS } from '../topics.ts';
import { expectEarnings } from './earning.ts';
import type { PaymentRow } from './rows.ts';

/** Times beyond are as good as never. */
const LAST_SECOND = 253_402_300_799n;
const LONGEST_DELAY_MS = 30 * 24 * 3_600_000;

/**
 * What their merchants may expect, the transactions that are to pay and the looks at their expiry, in the act that reserves
 * payments; their rows are locked. Returns the transactions' ids in order.
 */
export async function openPayments(
  sql: Sql,
  ledger: Ledger,
  reserved: readonly { payment: PaymentRow; decisionId: string }[],
): Promise<string[]> {
  const payments = reserved.map(({ payment }) => payment);
  await expectEarnings(sql, ledger, payments);
  const txIds = await openTxs(
    sql,
    reserved.map(({ payment, decisionId }) => txOf(payment, decisionId)),
  );
  await enqueue(sql, payments.flatMap(expiryOf));
  return txIds;
}

/** When nobody can take it any more; null: never. */
export function endOf({ validBefore }: Pick<PaymentRow, 'validBefore'>): Date | null {
  return validBefore > LAST_SECOND ? null : new Date(Number(validBefore) * 1000);
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
    expiresAt: endOf(payment),
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
