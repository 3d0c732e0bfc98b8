import { ACCOUNT, balance, main, one, type Plant } from './plants.ts';

const SETTLED = one('payment', `status = 'SETTLED'`);
/** A request of the gateway with a payment, in a state. */
const call = (payment: string, status: string, charge = 'NULL, NULL') => `WITH priced AS (
    INSERT INTO priced_endpoint (tenant_id, merchant_id, method, path, asset, price, pay_to, upstream, on_failure, timeout_ms, max_response_bytes,
      transfer_method)
    SELECT tenant_id, merchant_id, 'GET', '/', asset, amount, pay_to, 'http://a/', 'refund', 1000, 1, method FROM payment WHERE payment_id = ${payment}
    RETURNING endpoint_id
  )
  INSERT INTO gateway_call (call_id, tenant_id, endpoint_id, request_hash, authorization_id, payment_id, correlation_id, status,
    signature_hash, most, charge)
  SELECT payonce_uuid7(), tenant_id, endpoint_id, '', authorization_id, payment_id, 'c', '${status}', '', ${charge} FROM payment, priced
  WHERE payment_id = ${payment} RETURNING 'call ' || call_id AS subject`;

/** One violation for every law about payments. */
export const PAYMENT_PLANTS: readonly Plant[] = [
  main('state/call-is-paid', call(one('payment', `status = 'AUTH_VERIFIED'`), 'PAID')),
  main('state/call-charge', call(one('payment', 'charged > 0'), 'SERVED', 'amount, charged - 1')),
  main('queue/calls-move', call(SETTLED, 'FORWARDING')),
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
    'tx/payment-ceiling',
    `UPDATE payment SET amount = charged - 1 WHERE payment_id = ${one('payment', 'charged > 0')} RETURNING 'payment ' || payment_id AS subject`,
  ),
  main(
    'chain/authorized-is-taken',
    `UPDATE tx SET amount = amount + 1 WHERE owner_id = ${one('payment', 'charged > 0')}
     RETURNING (SELECT 'transaction 0x' || encode(tx_hash, 'hex') FROM attempt a WHERE a.tx_id = tx.tx_id AND a.kind = 'effect') AS subject`,
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
    'policy/payment-decided',
    `UPDATE payment SET commit_at = CASE commit_at WHEN 'safe' THEN 'finalized' ELSE 'safe' END
     WHERE payment_id = ${SETTLED} RETURNING 'payment ' || payment_id AS subject`,
  ),
  main(
    'policy/payment-asked',
    `UPDATE payment SET decision_id = ${one('decision')} WHERE payment_id = ${one('payment', `status = 'AUTH_VERIFIED'`)}
     RETURNING 'payment ' || payment_id AS subject`,
  ),
  main(
    'queue/payments-move',
    `UPDATE payment SET status = 'INCLUDED' WHERE payment_id = ${SETTLED} RETURNING 'payment ' || payment_id AS subject`,
  ),
];
