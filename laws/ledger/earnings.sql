-- ledger/earnings
-- What is pending for a merchant is its payments to own wallets under way, and what is expected is those that have neither arrived nor lapsed.
-- asks: main
WITH custodial AS (
  SELECT p.tenant_id, 'merchant:' || m.name AS account, p.asset, coalesce(p.charged, p.amount) AS amount, p.status, e.transfer_id
  FROM payment p JOIN merchant m USING (merchant_id) LEFT JOIN expected_arrival e ON e.owner_id = p.payment_id
  WHERE p.lane_id IS NOT NULL
), wanted AS (
  SELECT tenant_id, 'pending' AS kind, account AS owner, asset, sum(amount) AS amount FROM custodial
  WHERE status IN ('RESERVED', 'BROADCASTED', 'INCLUDED', 'FINALIZED', 'LEDGER_COMMITTED', 'REVERSED') GROUP BY 1, 3, 4
  UNION ALL
  SELECT tenant_id, 'expected', '', asset, sum(amount) FROM custodial
  WHERE status NOT IN ('REQUESTED', 'CHALLENGED', 'AUTH_SIGNED', 'AUTH_VERIFIED', 'VOIDED', 'AUTH_REJECTED', 'DUPLICATE_REQUEST', 'CHAIN_FAILED', 'EXPIRED')
    AND transfer_id IS NULL GROUP BY 1, 4
), booked AS (
  SELECT tenant_id, kind, owner, asset, balance FROM ledger_account WHERE kind IN ('pending', 'expected')
)
SELECT concat_ws(' ', kind, nullif(owner, ''), 'in', asset, 'of tenant', tenant_id) AS subject, coalesce(b.balance, 0) AS found, coalesce(w.amount, 0) AS expected
FROM booked b FULL JOIN wanted w USING (tenant_id, kind, owner, asset)
WHERE coalesce(b.balance, 0) <> coalesce(w.amount, 0)
