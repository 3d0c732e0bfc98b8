-- tx/payment-is-paid
-- A payment that was settled is paid on the canonical chain at the level that it is committed at, by our transaction or another's, or is about to be reversed.
-- asks: main
WITH paid AS (
  SELECT t.owner_id AS payment_id, i.chain_id, i.block_number FROM tx t JOIN attempt a USING (tx_id) JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  WHERE t.owner_kind = 'payment' AND a.kind = 'effect' AND i.succeeded AND i.effect_ok
  UNION ALL
  SELECT l.payment_id, l.chain_id, l.block_number FROM payment_landing l
  JOIN block b ON b.chain_id = l.chain_id AND b.height = l.block_number AND b.hash = l.block_hash
)
SELECT 'payment ' || p.payment_id AS subject,
  p.status || CASE WHEN m.payment_id IS NULL THEN ' and no payment on the chain' ELSE ' and paid ' || m.times || ' times, in block ' || m.block_number END AS found,
  'paid once, ' || p.commit_at AS expected
FROM payment p JOIN chain_head h USING (chain_id)
LEFT JOIN (SELECT payment_id, count(*) AS times, max(block_number) AS block_number FROM paid GROUP BY 1) m USING (payment_id)
WHERE p.payment_id >= ($1::jsonb ->> 'since')::uuid AND (m.times > 1 OR (p.status IN ('FINALIZED', 'LEDGER_COMMITTED', 'SETTLED', 'RESETTLED', 'REFUND_PENDING', 'REFUNDED')
  AND (m.payment_id IS NULL OR m.block_number > CASE p.commit_at WHEN 'safe' THEN h.safe ELSE h.finalized END)
  AND NOT EXISTS (SELECT 1 FROM job j WHERE j.topic = 'payment.orphaned' AND j.subject_id = p.payment_id)))
