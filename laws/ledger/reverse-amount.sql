-- ledger/reverse-amount
-- REVERSE takes a commit back, once a generation: amount from in transit and fee from revenue into its reserve.
-- asks: main
WITH found AS (
  SELECT t.transfer_id, string_agg(d.kind || ' ' || d.owner || ' from ' || c.kind || ' ' || c.owner || ': ' || p.amount || ' ' || d.asset, '; ' ORDER BY d.kind, c.kind) AS postings
  FROM transfer t JOIN posting p USING (transfer_id)
  JOIN ledger_account d ON d.account_no = p.debit_no JOIN ledger_account c ON c.account_no = p.credit_no
  WHERE t.kind = 'REVERSE' AND t.transfer_id >= ($1::jsonb ->> 'since')::uuid AND t.subject_id >= ($1::jsonb ->> 'since')::uuid GROUP BY 1
), expected AS (
  SELECT r.transfer_id, w.withdrawal_id, concat_ws('; ',
    'in_transit  from reserved ' || w.account || ': ' || w.amount || ' ' || w.asset,
    CASE WHEN w.fee > 0 THEN 'revenue  from reserved ' || w.account || ': ' || w.fee || ' ' || w.asset END) AS postings
  FROM reserve r JOIN withdrawal w USING (withdrawal_id)
  WHERE r.generation > 1 AND w.withdrawal_id >= ($1::jsonb ->> 'since')::uuid
)
SELECT coalesce('withdrawal ' || e.withdrawal_id, 'transfer ' || f.transfer_id) AS subject, f.postings AS found, e.postings AS expected
FROM found f FULL JOIN expected e USING (transfer_id)
WHERE f.postings IS DISTINCT FROM e.postings
