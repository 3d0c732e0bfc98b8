import type { Assets } from '../../../base/config/index.ts';
import { advance, afterCommit, type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeEvents } from '../../../base/event/index.ts';
import { isRefusal, PAYMENT, type Refusal, refuse } from '../../../base/kernel/index.ts';
import { keyConflict, merchantAccount, takeKeys } from '../../../books/access/index.ts';
import { readBalances } from '../../../books/ledger/index.ts';
import { orderPayouts } from '../../../books/payout/index.ts';
import { lockHeads } from '../../../books/tx/index.ts';
import { lockPayments, type PaymentRow, readPayments } from '../payment/rows.ts';
import { decideRefund } from './decide-refund.ts';
import { parseRefund, type RefundOrder, type RefundRequest } from './request.ts';
import { type RefundView, readRefunds, refundView } from './rows.ts';

export type RefundVerdict =
  | { kind: 'created' | 'replayed'; view: RefundView }
  | { kind: 'refused'; refusal: Refusal };

/** Undoes the transaction and carries the answer out of it: a refusal is not stored for its key. */
class Refused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.code);
    this.refusal = refusal;
  }
}

/**
 * Gives back what was paid, to whom paid it: key, refund, what the payment has given back and the order to pay it
 * out are one transaction, so a crash leaves all or nothing. The withdrawals' road pays it.
 */
export async function refundPayment(
  context: { db: Db; assets: Assets },
  payment: PaymentRow,
  request: RefundRequest,
): Promise<RefundVerdict> {
  const { db, assets } = context;
  const { tenantId, id: paymentId } = payment;
  const asset = assets.find(payment.asset);
  if (asset === undefined) {
    const detail = `${payment.asset} is not configured any more.`;
    return { kind: 'refused', refusal: refuse('unknown_asset', detail) };
  }
  const order = parseRefund(request, { tenantId, paymentId, asset });
  if (isRefusal(order)) return { kind: 'refused', refusal: order };
  try {
    const { id, replayed } = await inTransaction(db, (sql) => write(sql, assets, order, payment));
    const [row] = await afterCommit(readRefunds(db, { ids: [id] }));
    return { kind: replayed ? 'replayed' : 'created', view: refundView(row!, asset) };
  } catch (error) {
    if (error instanceof Refused) return { kind: 'refused', refusal: error.refusal };
    throw error;
  }
}

async function write(
  sql: Sql,
  assets: Assets,
  order: RefundOrder,
  { id: paymentId, chainId, tenantId }: PaymentRow,
): Promise<{ id: string; replayed: boolean }> {
  const key = (await takeKeys(sql, [order])).get(order.keyHash)!;
  if (key.outcome === 'conflict') throw new Refused(keyConflict(order.idempotencyKey));
  const id = key.resourceId;
  if (key.outcome === 'replay') return { id, replayed: true };
  await lockPayments(sql, [paymentId]);
  await lockHeads(sql, [chainId], 'share');
  const payment = (await readPayments(sql, [paymentId])).get(paymentId)!;
  const account = merchantAccount({ name: payment.merchantName });
  const balances = await readBalances(sql, { tenantId, account });
  const asset = assets.find(payment.asset)!;
  const amount = decideRefund({
    payment,
    asset,
    wanted: order.amount,
    available: balances?.find((one) => one.asset === payment.asset)?.available ?? null,
  });
  if (isRefusal(amount)) throw new Refused(amount);
  await giveBack(sql, payment, amount);
  const { reason, idempotencyKey, correlationId, initiatedBy } = order;
  await sql.query(
    `INSERT INTO refund (refund_id, tenant_id, payment_id, amount, reason, idempotency_key, correlation_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [id, tenantId, paymentId, amount, reason, idempotencyKey, correlationId],
  );
  const metadata = { refundOf: paymentId, reason };
  const recipient = payment.payer;
  await orderPayouts(sql, [
    {
      orderId: id,
      tenantId,
      ownerKind: 'refund',
      account,
      asset: payment.asset,
      amount,
      recipient,
      metadata,
      correlationId,
      initiatedBy,
    },
  ]);
  const data = { paymentId, amountAtomic: amount.toString(), reason };
  const type = 'refund.requested';
  await writeEvents(sql, [{ tenantId, type, subjectId: id, correlationId, data }]);
  return { id, replayed: false };
}

/** The state first: nothing is given back of what is only settled. */
async function giveBack(sql: Sql, { id, status }: PaymentRow, amount: bigint): Promise<void> {
  if (status !== 'REFUND_PENDING') {
    await advance(sql, PAYMENT, [{ id, from: status, to: 'REFUND_PENDING' }]);
  }
  await sql.query('UPDATE payment SET refunded = refunded + $2 WHERE payment_id = $1', [
    id,
    amount,
  ]);
}
