-- ledger/commit-amount
-- COMMIT takes amount and fee of its withdrawal from the reserve: the amount left, the fee is earned.
-- asks: main
WITH found AS (
  SELECT t.transfer_id, string_agg(d.kind || ' ' || d.owner || ' from ' || c.kind || ' ' || c.owner || ': ' || p.amount || ' ' || d.asset, '; ' ORDER BY d.kind, c.kind) AS postings
  FROM transfer t JOIN posting p USING (transfer_id)
  JOIN ledger_account d ON d.account_no = p.debit_no JOIN ledger_account c ON c.account_no = p.credit_no
  WHERE t.kind = 'COMMIT' AND t.transfer_id >= ($1::jsonb ->> 'since')::uuid AND t.subject_id >= ($1::jsonb ->> 'since')::uuid GROUP BY 1
), expected AS (
  SELECT x.transfer_id, w.withdrawal_id, concat_ws('; ',
    'reserved ' || w.account || ' from in_transit : ' || w.amount || ' ' || w.asset,
    CASE WHEN w.fee > 0 THEN 'reserved ' || w.account || ' from revenue : ' || w.fee || ' ' || w.asset END) AS postings
  FROM reserve_resolution x JOIN withdrawal w USING (withdrawal_id)
  WHERE x.resolution = 'COMMIT' AND w.withdrawal_id >= ($1::jsonb ->> 'since')::uuid
)
SELECT coalesce('withdrawal ' || e.withdrawal_id, 'transfer ' || f.transfer_id) AS subject, f.postings AS found, e.postings AS expected
FROM found f FULL JOIN expected e USING (transfer_id)
WHERE f.postings IS DISTINCT FROM e.postings
