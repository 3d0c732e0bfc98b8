-- ledger/assign-amount
-- A slot takes its transaction's amount from its lane, once, where no payer authorized it, and what its dearest attempt may cost in gas.
-- asks: main
WITH moved AS (
  -- The gas in one posting with the amount, and one more for each attempt that needed more of it.
  SELECT t.subject_id AS tx_id, d.kind || ' ' || d.owner || ' from ' || c.kind || ' ' || c.owner AS way, d.asset, sum(p.amount) AS amount,
    CASE WHEN d.kind = 'gas_in_transit' THEN '' ELSE ' in ' || count(*) END AS times
  FROM transfer t JOIN posting p USING (transfer_id)
  JOIN ledger_account d ON d.account_no = p.debit_no JOIN ledger_account c ON c.account_no = p.credit_no
  WHERE t.kind = 'ASSIGN' AND t.transfer_id >= ($1::jsonb ->> 'since')::uuid AND t.subject_id >= ($1::jsonb ->> 'since')::uuid
  GROUP BY 1, 2, 3, d.kind
), found AS (
  SELECT tx_id, string_agg(way || ': ' || amount || ' ' || asset || times, '; ' ORDER BY way) AS postings FROM moved GROUP BY 1
), expected AS (
  SELECT t.tx_id, 'gas_in_transit ' || s.lane_id || ' from hot ' || s.lane_id || ': ' || s.gas_reserved || ' eip155:' || s.chain_id || '/slip44:60'
    || CASE WHEN t.amount > 0 AND t.payer_authorization IS NULL THEN '; in_transit  from hot ' || s.lane_id || ': ' || t.amount || ' ' || t.asset || ' in 1' ELSE '' END AS postings
  FROM nonce_slot s JOIN tx t USING (tx_id) WHERE t.tx_id >= ($1::jsonb ->> 'since')::uuid
)
SELECT 'tx ' || tx_id AS subject, f.postings AS found, e.postings AS expected
FROM found f FULL JOIN expected e USING (tx_id)
WHERE f.postings IS DISTINCT FROM e.postings
