-- ledger/normal-side
-- Every account stands on the side that its kind has, and is not below zero.
-- asks: main
SELECT concat_ws(' ', a.kind, nullif(a.owner, ''), 'in', a.asset, 'of tenant', a.tenant_id) AS subject, a.normal_side || ' ' || a.balance AS found,
  CASE WHEN a.kind IN ('available', 'reserved', 'capital', 'revenue', 'pending') THEN 'credit' ELSE 'debit' END || ' of zero or more' AS expected
FROM ledger_account a
WHERE a.balance < 0 OR a.normal_side <> CASE WHEN a.kind IN ('available', 'reserved', 'capital', 'revenue', 'pending') THEN 'credit' ELSE 'debit' END
