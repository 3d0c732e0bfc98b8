-- ledger/never-overdrawn
-- In the order of its postings no account ever stood on its wrong side.
-- asks: main
-- The order is that of the transfers' ids, which are drawn under the accounts' locks from the database's clock.
-- Judged at the end of each millisecond: within one, ids of older servers have no order.
WITH moved AS (
  SELECT account_no, left(transfer_id::text, 13) AS at, sum(amount) AS debit
  FROM (
    SELECT transfer_id, debit_no AS account_no, amount FROM posting
    UNION ALL SELECT transfer_id, credit_no, -amount FROM posting) side
  GROUP BY 1, 2
), running AS (
  SELECT account_no, at, sum(debit) OVER (PARTITION BY account_no ORDER BY at) AS debit FROM moved
)
SELECT DISTINCT ON (a.account_no) concat_ws(' ', a.kind, nullif(a.owner, ''), 'in', a.asset, 'of tenant', a.tenant_id) AS subject,
  CASE a.normal_side WHEN 'debit' THEN r.debit ELSE -r.debit END || ' at transfer ' || r.at AS found, 'zero or more' AS expected
FROM running r JOIN ledger_account a USING (account_no)
WHERE CASE a.normal_side WHEN 'debit' THEN r.debit ELSE -r.debit END < 0
ORDER BY a.account_no, r.at
