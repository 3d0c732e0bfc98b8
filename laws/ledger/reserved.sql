-- ledger/reserved
-- What a customer has reserved is amount and fee of the withdrawals that are open.
-- asks: main
WITH reserved AS (
  SELECT tenant_id, owner, asset, sum(balance) AS reserved FROM ledger_account WHERE kind = 'reserved' GROUP BY 1, 2, 3
), open AS (
  SELECT tenant_id, account AS owner, asset, sum(amount + fee) AS open FROM withdrawal
  WHERE status IN ('RESERVED', 'AWAITING_APPROVAL', 'APPROVED', 'EXECUTING', 'REVERSED') GROUP BY 1, 2, 3
)
SELECT owner || ' in ' || asset || ' of tenant ' || tenant_id AS subject, coalesce(reserved, 0) AS found, coalesce(open, 0) AS expected
FROM reserved FULL JOIN open USING (tenant_id, owner, asset)
WHERE coalesce(reserved, 0) <> coalesce(open, 0)
