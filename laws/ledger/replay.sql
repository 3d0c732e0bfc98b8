-- ledger/replay
-- Every balance is what the postings of its account add up to.
-- asks: main
WITH side AS (
  SELECT debit_no AS account_no, amount AS debit, 0::numeric AS credit FROM posting
  UNION ALL SELECT credit_no, 0, amount FROM posting
), total AS (
  SELECT account_no, sum(debit) AS debit, sum(credit) AS credit FROM side GROUP BY account_no
), replayed AS (
  SELECT a.*, CASE a.normal_side WHEN 'debit' THEN coalesce(debit - credit, 0) ELSE coalesce(credit - debit, 0) END AS replayed
  FROM ledger_account a LEFT JOIN total USING (account_no)
)
SELECT concat_ws(' ', a.kind, nullif(a.owner, ''), 'in', a.asset, 'of tenant', a.tenant_id) AS subject, a.balance AS found, a.replayed AS expected FROM replayed a WHERE a.balance <> a.replayed
