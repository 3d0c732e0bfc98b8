-- ledger/gas-amount
-- GAS books what its slots cost as an expense and gives the rest of their reserve back to the lane.
-- asks: main
WITH found AS (
  SELECT t.transfer_id, string_agg(d.kind || ' ' || d.owner || ' from ' || c.kind || ' ' || c.owner || ': ' || p.amount || ' ' || d.asset, '; ' ORDER BY d.kind, c.kind) AS postings
  FROM transfer t JOIN posting p USING (transfer_id)
  JOIN ledger_account d ON d.account_no = p.debit_no JOIN ledger_account c ON c.account_no = p.credit_no
  WHERE t.kind = 'GAS' GROUP BY 1
), cost AS (
  SELECT g.transfer_id, g.lane_id, s.chain_id, sum(g.gas_cost) AS cost, sum(s.gas_reserved - g.gas_cost) AS rest
  FROM slot_gas g LEFT JOIN nonce_slot s USING (lane_id, nonce) GROUP BY 1, 2, 3
), expected AS (
  SELECT transfer_id, string_agg(concat_ws('; ',
    CASE WHEN rest > 0 THEN 'hot ' || lane_id || ' from gas_in_transit ' || lane_id || ': ' || rest || ' eip155:' || chain_id || '/slip44:60' END,
    CASE WHEN cost > 0 THEN 'network_fee_expense  from gas_in_transit ' || lane_id || ': ' || cost || ' eip155:' || chain_id || '/slip44:60' END),
    ' and ') AS postings
  FROM cost GROUP BY 1
)
SELECT 'transfer ' || transfer_id AS subject, f.postings AS found, e.postings AS expected
FROM found f FULL JOIN expected e USING (transfer_id)
WHERE f.postings IS DISTINCT FROM e.postings
