-- ledger/gas-amount
-- GAS books what the slots of its stretch cost as an expense and gives the rest of their reserve back to the lane.
-- asks: main
WITH found AS (
  SELECT t.transfer_id, string_agg(d.kind || ' ' || d.owner || ' from ' || c.kind || ' ' || c.owner || ': ' || p.amount || ' ' || d.asset, '; ' ORDER BY d.kind, c.kind) AS postings
  FROM transfer t JOIN posting p USING (transfer_id)
  JOIN ledger_account d ON d.account_no = p.debit_no JOIN ledger_account c ON c.account_no = p.credit_no
  WHERE t.kind = 'GAS' GROUP BY 1
), cost AS (
  SELECT s.gas_transfer_id AS transfer_id, s.lane_id, s.gas_cost AS cost, s.gas_reserved AS reserved, ' eip155:' || l.chain_id || '/slip44:60' AS coin
  FROM lane_stretch s LEFT JOIN lane l USING (lane_id) WHERE s.gas_reserved > 0
), expected AS (
  SELECT transfer_id, string_agg(concat_ws('; ',
    CASE WHEN reserved > cost THEN 'hot ' || lane_id || ' from gas_in_transit ' || lane_id || ': ' || reserved - cost || coin END,
    CASE WHEN cost > 0 THEN 'network_fee_expense  from gas_in_transit ' || lane_id || ': ' || least(cost, reserved) || coin END,
    CASE WHEN cost > reserved THEN 'network_fee_expense  from hot ' || lane_id || ': ' || cost - reserved || coin END),
    ' and ') AS postings
  FROM cost GROUP BY 1
)
SELECT 'transfer ' || transfer_id AS subject, f.postings AS found, e.postings AS expected
FROM found f FULL JOIN expected e USING (transfer_id)
WHERE f.postings IS DISTINCT FROM e.postings
