-- ledger/assign-amount
-- A slot takes its transaction's amount and its own gas reserve from its lane, once.
-- asks: main
WITH found AS (
  SELECT t.subject_id AS tx_id, string_agg(d.kind || ' ' || d.owner || ' from ' || c.kind || ' ' || c.owner || ': ' || p.amount || ' ' || d.asset, '; ' ORDER BY d.kind, c.kind) AS postings
  FROM transfer t JOIN posting p USING (transfer_id)
  JOIN ledger_account d ON d.account_no = p.debit_no JOIN ledger_account c ON c.account_no = p.credit_no
  WHERE t.kind = 'ASSIGN' AND t.transfer_id >= ($1::jsonb ->> 'since')::uuid AND t.subject_id >= ($1::jsonb ->> 'since')::uuid GROUP BY 1
), expected AS (
  SELECT t.tx_id, 'gas_in_transit ' || s.lane_id || ' from hot ' || s.lane_id || ': ' || s.gas_reserved || ' eip155:' || s.chain_id || '/slip44:60'
    || CASE WHEN t.amount > 0 THEN '; in_transit  from hot ' || s.lane_id || ': ' || t.amount || ' ' || t.asset ELSE '' END AS postings
  FROM nonce_slot s JOIN tx t USING (tx_id) WHERE t.tx_id >= ($1::jsonb ->> 'since')::uuid
)
SELECT 'tx ' || tx_id AS subject, f.postings AS found, e.postings AS expected
FROM found f FULL JOIN expected e USING (tx_id)
WHERE f.postings IS DISTINCT FROM e.postings
