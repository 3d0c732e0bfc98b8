-- ledger/balance-sheet
-- Of each tenant and asset the debit balances add up to the credit balances.
-- asks: main
SELECT 'asset ' || asset || ' of tenant ' || tenant_id AS subject, 'debit ' || debit || ', credit ' || credit AS found, 'equal sums' AS expected
FROM (
  SELECT tenant_id, asset, coalesce(sum(balance) FILTER (WHERE normal_side = 'debit'), 0) AS debit,
    coalesce(sum(balance) FILTER (WHERE normal_side = 'credit'), 0) AS credit
  FROM ledger_account GROUP BY tenant_id, asset) sheet
WHERE debit <> credit
