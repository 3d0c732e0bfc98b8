-- ledger/unassign-amount
-- The amount goes back to the lane, once, if and only if the slot's withdrawal, top-up or sweep ended unpaid.
-- asks: main
WITH found AS (
  SELECT t.subject_id AS tx_id, string_agg(d.kind || ' ' || d.owner || ' from ' || c.kind || ' ' || c.owner || ': ' || p.amount || ' ' || d.asset, '; ' ORDER BY d.kind, c.kind) AS postings
  FROM transfer t JOIN posting p USING (transfer_id)
  JOIN ledger_account d ON d.account_no = p.debit_no JOIN ledger_account c ON c.account_no = p.credit_no
  WHERE t.kind = 'UNASSIGN' AND t.transfer_id >= ($1::jsonb ->> 'since')::uuid AND t.subject_id >= ($1::jsonb ->> 'since')::uuid GROUP BY 1
), expected AS (
  SELECT t.tx_id, 'hot ' || s.lane_id || ' from in_transit : ' || t.amount || ' ' || t.asset AS postings
  FROM nonce_slot s JOIN tx t USING (tx_id) LEFT JOIN withdrawal w ON t.owner_kind = 'withdrawal' AND w.withdrawal_id = t.owner_id
  LEFT JOIN treasury_move m ON t.owner_kind = m.kind AND m.move_id = t.owner_id
  WHERE (w.status IN ('REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED') OR m.outcome = 'unpaid') AND t.tx_id >= ($1::jsonb ->> 'since')::uuid
)
SELECT 'tx ' || tx_id AS subject, f.postings AS found, e.postings AS expected
FROM found f FULL JOIN expected e USING (tx_id)
WHERE f.postings IS DISTINCT FROM e.postings
