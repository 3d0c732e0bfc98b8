-- ledger/expected-amount
-- What was expected on a lane is FUND of that lane by its arrivals, each once and of its amount, by the transaction that pays it.
-- asks: main
WITH found AS (
  SELECT t.transfer_id, 'lane ' || d.owner || ' in ' || d.asset || ': ' || sum(p.amount) AS amounts
  FROM transfer t JOIN posting p USING (transfer_id)
  JOIN ledger_account d ON d.account_no = p.debit_no JOIN ledger_account c ON c.account_no = p.credit_no
  WHERE t.kind = 'FUND' AND c.kind = 'expected' GROUP BY t.transfer_id, d.owner, d.asset
), came AS (
  SELECT transfer_id, array_agg(concat_ws(' ', '0x' || encode(tx_hash, 'hex'), 'of 0x' || encode(sender, 'hex'), amount) ORDER BY tx_hash, sender, amount) AS each
  FROM arrival WHERE transfer_id IS NOT NULL GROUP BY 1
), expected AS (
  SELECT transfer_id, 'lane ' || lane_id || ' in ' || asset || ': ' || sum(amount) AS amounts,
    array_agg(concat_ws(' ', '0x' || encode(tx_hash, 'hex'), 'of 0x' || encode(sender, 'hex'), amount) ORDER BY tx_hash, sender, amount) AS each
  FROM expected_arrival WHERE transfer_id IS NOT NULL GROUP BY transfer_id, lane_id, asset
)
SELECT 'transfer ' || transfer_id AS subject, concat_ws(' by ', f.amounts, c.each::text) AS found, concat_ws(' by ', e.amounts, e.each::text) AS expected
FROM found f FULL JOIN expected e USING (transfer_id) LEFT JOIN came c USING (transfer_id)
WHERE f.amounts IS DISTINCT FROM e.amounts OR c.each IS DISTINCT FROM e.each
