import { advance, type Sql } from '../../../base/db/index.ts';
import { PAYMENT, type PaymentState } from '../../../base/kernel/index.ts';

/**
 * Writes down what merchants charge of payments with a ceiling, once and for ever, in the caller's transaction, which
 * holds their rows. Those that are charged nothing end as VOIDED: nothing is reserved for them, nothing is signed, and no other
 * charge comes after it. Returns their ids.
 */
export async function charge(
  sql: Sql,
  rows: ReadonlyMap<string, { status: PaymentState }>,
  charges: ReadonlyMap<string, bigint>,
): Promise<Set<string>> {
  if (charges.size === 0) return new Set();
  const ids = [...charges.keys()];
  await advance(
    sql,
    PAYMENT,
    ids
      .filter((id) => rows.get(id)!.status === 'AUTH_SIGNED')
      .map((id) => ({ id, from: 'AUTH_SIGNED', to: 'AUTH_VERIFIED' })),
  );
  const charged = ids.filter((id) => charges.get(id)! > 0n);
  await sql.query({
    name: 'payment_charge',
    text: `UPDATE payment p SET charged = u.charged FROM unnest($1::uuid[], $2::numeric[]) AS u(payment_id, charged)
      WHERE p.payment_id = u.payment_id AND p.payment_id = ANY($1::uuid[]) AND p.charged IS NULL`,
    values: [charged, charged.map((id) => charges.get(id))],
  });
  const voided = ids.filter((id) => charges.get(id) === 0n);
  return advance(
    sql,
    PAYMENT,
    voided.map((id) => ({ id, from: 'AUTH_VERIFIED', to: 'VOIDED' })),
    { charged: { type: 'numeric', values: voided.map(() => 0n) } },
  );
}
