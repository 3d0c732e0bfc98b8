-- tx/payment-failed-is-unpaid
-- A payment that failed or expired is not paid on the canonical chain, and says why.
-- asks: main
WITH paid AS (
  SELECT t.owner_id AS payment_id FROM tx t JOIN attempt a USING (tx_id) JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  WHERE t.owner_kind = 'payment' AND a.kind = 'effect' AND i.succeeded AND i.effect_ok
  UNION
  SELECT l.payment_id FROM payment_landing l JOIN block b ON b.chain_id = l.chain_id AND b.height = l.block_number AND b.hash = l.block_hash
)
SELECT 'payment ' || p.payment_id AS subject, concat_ws(' ', p.status, CASE WHEN m.payment_id IS NULL THEN 'unpaid' ELSE 'and paid' END, 'for', coalesce(p.failure_code, 'nothing')) AS found,
  'unpaid, with a reason' AS expected
FROM payment p LEFT JOIN paid m USING (payment_id)
WHERE p.payment_id >= ($1::jsonb ->> 'since')::uuid AND p.status IN ('AUTH_REJECTED', 'CHAIN_FAILED', 'EXPIRED') AND (m.payment_id IS NOT NULL OR p.failure_code IS NULL)
