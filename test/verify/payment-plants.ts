import { ACCOUNT, balance, main, one, type Plant } from './plants.ts';

const SETTLED = one('payment', `status = 'SETTLED'`);
/** One violation for every law about payments. */
export const PAYMENT_PLANTS: readonly Plant[] = [
  main('ledger/earnings', `${balance('pending')} RETURNING ${ACCOUNT} AS subject`),
  main(
    'ledger/refunds',
    `UPDATE refund SET amount = amount + 1 WHERE status = 'PAID' RETURNING 'payment ' || payment_id AS subject`,
  ),
  main(
    'state/refund-pays-payer',
    `UPDATE withdrawal SET recipient = decode(repeat('66', 20), 'hex') WHERE withdrawal_id =
       (SELECT withdrawal_id FROM payout_order) RETURNING (SELECT 'refund ' || refund_id FROM refund) AS subject`,
  ),
  main(
    'queue/refunds-move',
    `UPDATE refund SET status = 'PENDING' RETURNING 'refund ' || refund_id AS subject`,
  ),
  main(
    'ledger/expected-amount',
    `UPDATE expected_arrival SET amount = amount + 1 WHERE owner_id = ${one('expected_arrival', 'transfer_id IS NOT NULL', 'owner_id')}
     RETURNING 'transfer ' || transfer_id AS subject`,
  ),
  main(
    'tx/payment-intent',
    `UPDATE payment SET pay_to = payer WHERE payment_id = ${SETTLED} RETURNING 'payment ' || payment_id AS subject`,
  ),
  main(
    'tx/payment-is-paid',
    `UPDATE inclusion SET effect_ok = false WHERE attempt_id = (SELECT attempt_id FROM attempt JOIN tx USING (tx_id)
       WHERE owner_id = ${SETTLED} LIMIT 1) RETURNING 'payment ' || ${SETTLED} AS subject`,
  ),
  main(
    'tx/payment-failed-is-unpaid',
    `UPDATE payment SET status = 'EXPIRED' WHERE payment_id = ${SETTLED} RETURNING 'payment ' || payment_id AS subject`,
  ),
  main(
    'queue/payments-move',
    `UPDATE payment SET status = 'INCLUDED' WHERE payment_id = ${SETTLED} RETURNING 'payment ' || payment_id AS subject`,
  ),
];
