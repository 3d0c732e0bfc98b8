-- ledger/move-amount
-- A top-up or sweep that arrived is FUND of its wallet out of in transit, once and of its amount, and nothing else is.
-- asks: main
WITH found AS (
  SELECT t.subject_id AS tx_id, string_agg('hot ' || d.owner || ': ' || p.amount || ' ' || d.asset, '; ' ORDER BY d.owner) AS postings
  FROM transfer t JOIN posting p USING (transfer_id)
  JOIN ledger_account d ON d.account_no = p.debit_no JOIN ledger_account c ON c.account_no = p.credit_no
  WHERE t.kind = 'FUND' AND c.kind = 'in_transit' AND t.subject_id >= ($1::jsonb ->> 'since')::uuid GROUP BY 1
), expected AS (
  SELECT t.tx_id, 'hot ' || m.to_lane || ': ' || m.amount || ' ' || m.asset AS postings
  FROM treasury_move m LEFT JOIN tx t ON t.owner_kind = m.kind AND t.owner_id = m.move_id
  WHERE m.outcome = 'arrived' AND t.tx_id >= ($1::jsonb ->> 'since')::uuid
)
SELECT 'tx ' || tx_id AS subject, f.postings AS found, e.postings AS expected
FROM found f FULL JOIN expected e USING (tx_id)
WHERE f.postings IS DISTINCT FROM e.postings
