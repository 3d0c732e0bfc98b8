-- ledger/customers
-- What customers have, available and reserved, is what they deposited or earned less what was paid for them and its fees.
-- asks: main
WITH holds AS (
  SELECT tenant_id, owner, asset, sum(CASE kind WHEN 'receivable' THEN -balance ELSE balance END) AS holds
  FROM ledger_account WHERE kind IN ('available', 'reserved', 'receivable') GROUP BY 1, 2, 3
), deposited AS (
  SELECT a.tenant_id, a.owner, a.asset, sum(p.amount) AS deposited
  FROM transfer t JOIN posting p USING (transfer_id) JOIN ledger_account a ON a.account_no = p.credit_no
  WHERE t.kind = 'DEPOSIT' GROUP BY 1, 2, 3
), earned AS (
  SELECT p.tenant_id, 'merchant:' || m.name AS owner, p.asset, sum(coalesce(p.charged, p.amount)) AS earned
  FROM payment p JOIN merchant m USING (merchant_id)
  WHERE p.lane_id IS NOT NULL AND p.status IN ('SETTLED', 'RESETTLED', 'REFUND_PENDING', 'REFUNDED') GROUP BY 1, 2, 3
), paid AS (
  SELECT tenant_id, account AS owner, asset, sum(amount + fee) AS paid
  FROM withdrawal WHERE status IN ('COMPLETED', 'RESETTLED') GROUP BY 1, 2, 3
)
SELECT owner || ' in ' || asset || ' of tenant ' || tenant_id AS subject, coalesce(holds, 0) AS found,
  coalesce(deposited, 0) || ' deposited + ' || coalesce(earned, 0) || ' earned - ' || coalesce(paid, 0) || ' paid' AS expected
FROM holds FULL JOIN deposited USING (tenant_id, owner, asset) FULL JOIN earned USING (tenant_id, owner, asset) FULL JOIN paid USING (tenant_id, owner, asset)
WHERE coalesce(holds, 0) <> coalesce(deposited, 0) + coalesce(earned, 0) - coalesce(paid, 0)
