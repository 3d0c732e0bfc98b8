-- ledger/arrival-amount
-- What arrived on a lane is in its free funds by one transfer, and what left unexplained is in suspense.
-- asks: main
WITH arrived AS (
  SELECT arrival_transfer_id AS transfer_id, 'lane ' || lane_id || ' in eip155:' || l.chain_id || '/slip44:60: ' || arrived AS amounts
  FROM lane_stretch JOIN lane l USING (lane_id) WHERE arrived <> 0
  UNION ALL
  SELECT transfer_id, 'lane ' || lane_id || ' in ' || asset || ': ' || sum(amount) FROM arrival WHERE transfer_id IS NOT NULL
  GROUP BY transfer_id, lane_id, asset
), posted AS (
  SELECT t.transfer_id, string_agg(DISTINCT t.kind, ' and ') AS kinds,
    'lane ' || coalesce(max(d.owner) FILTER (WHERE d.kind = 'hot'), max(c.owner)) || ' in ' || max(d.asset) || ': '
      || sum(CASE WHEN d.kind = 'hot' THEN p.amount ELSE -p.amount END) AS amounts
  FROM transfer t JOIN posting p USING (transfer_id)
  JOIN ledger_account d ON d.account_no = p.debit_no JOIN ledger_account c ON c.account_no = p.credit_no
  WHERE t.kind IN ('FUND', 'ADJUST') GROUP BY 1
)
SELECT 'transfer ' || a.transfer_id AS subject, p.amounts AS found, a.amounts AS expected
FROM arrived a LEFT JOIN posted p USING (transfer_id)
WHERE p.amounts IS DISTINCT FROM a.amounts
