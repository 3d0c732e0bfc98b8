import { advance, inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeEvents } from '../../../base/event/index.ts';
import { PAYMENT } from '../../../base/kernel/index.ts';
import { type Claim, complete, type Outcome } from '../../../base/queue/index.ts';
import { type PayoutOrder, readPayouts } from '../../../books/payout/index.ts';
import { lockPayments } from '../payment/rows.ts';
import type { PaymentContext } from '../progress/step.ts';

type Ended = { id: string; paymentId: string; amount: bigint; status: 'PAID' | 'FAILED' };

/**
 * Ends refunds by what became of their payouts: what was not paid out has not gone back, and a payment of which nothing
 * is on its way any more is REFUNDED. A crash before the COMMIT leaves the jobs; a refund ends once.
 */
export async function refundEndedStep(context: PaymentContext, claimed: Claim): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const orders = (await readPayouts(context.db, ids)).filter(({ outcome }) => outcome !== null);
  await inTransaction(context.db, async (sql) => {
    const ours = await complete(sql, claimed);
    const mine = orders.filter(({ orderId }) => ours.has(orderId));
    if (mine.length > 0) await endRefunds(sql, mine);
  });
  return [];
}

async function endRefunds(sql: Sql, orders: readonly PayoutOrder[]): Promise<void> {
  const of = await sql.query<{ paymentId: string }>({
    name: 'refund_payments',
    text: `SELECT DISTINCT payment_id AS "paymentId" FROM refund WHERE refund_id = ANY($1::uuid[])`,
    values: [orders.map(({ orderId }) => orderId)],
  });
  const paymentIds = of.rows.map(({ paymentId }) => paymentId);
  await lockPayments(sql, paymentIds);
  const { rows: ended } = await sql.query<Ended>({
    name: 'refund_end',
    text: `UPDATE refund r SET status = u.status, ended_at = now()
      FROM unnest($1::uuid[], $2::text[]) AS u(refund_id, status)
      WHERE r.refund_id = u.refund_id AND r.status = 'PENDING'
      RETURNING r.refund_id AS id, r.payment_id AS "paymentId", r.amount, r.status`,
    values: [
      orders.map(({ orderId }) => orderId),
      orders.map(({ outcome }) => (outcome === 'paid' ? 'PAID' : 'FAILED')),
    ],
  });
  await sql.query({
    name: 'refund_take_back',
    text: `UPDATE payment p SET refunded = p.refunded - f.amount
      FROM (SELECT payment_id, sum(amount) AS amount FROM refund
        WHERE refund_id = ANY($1::uuid[]) GROUP BY payment_id) f
      WHERE p.payment_id = f.payment_id`,
    values: [ended.flatMap(({ id, status }) => (status === 'FAILED' ? [id] : []))],
  });
  const { rows: done } = await sql.query<{ id: string }>({
    name: 'refund_done',
    text: `SELECT payment_id AS id FROM payment p WHERE payment_id = ANY($1::uuid[]) AND refunded > 0
      AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.payment_id = p.payment_id AND r.status = 'PENDING')`,
    values: [paymentIds],
  });
  await advance(
    sql,
    PAYMENT,
    done.map(({ id }) => ({ id, from: 'REFUND_PENDING', to: 'REFUNDED' })),
  );
  const orderOf = new Map(orders.map((order) => [order.orderId, order]));
  await writeEvents(
    sql,
    ended.map(({ id, paymentId, amount, status }) => {
      const { tenantId, correlationId, failureCode } = orderOf.get(id)!;
      const failure = failureCode === null ? {} : { failure: { code: failureCode } };
      const data = { paymentId, amountAtomic: amount.toString(), ...failure };
      const type = status === 'PAID' ? 'refund.paid' : 'refund.failed';
      return { tenantId, type, subjectId: id, correlationId, data };
    }),
  );
}
