-- chain/committed-is-paid-once
-- Every withdrawal that was committed, by the chain and not by two persons, moved its amount to its recipient, in one movement of its transaction.
-- asks: walk
WITH moved AS (
  SELECT f.hash, f.token, f."to", f.amount FROM jsonb_to_recordset($1::jsonb -> 'transfers') AS f(hash bytea, token bytea, "from" bytea, "to" bytea, amount numeric, height bigint)
  UNION ALL SELECT f.hash, NULL, f."to", f.value FROM jsonb_to_recordset($1::jsonb -> 'transactions') AS f(hash bytea, "from" bytea, nonce bigint, "to" bytea, value numeric, plain boolean,
    recipient bytea, amount numeric, height bigint, succeeded boolean) WHERE f.value > 0 AND f.succeeded
), committed AS (
  SELECT w.withdrawal_id, w.amount, w.asset, w.recipient, a.tx_hash, t.token
  FROM inclusion i JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  JOIN attempt a USING (attempt_id) JOIN tx t ON t.tx_id = a.tx_id JOIN withdrawal w ON w.withdrawal_id = t.owner_id
  WHERE i.chain_id = ($1::jsonb ->> 'chain')::bigint AND i.block_number > ($1::jsonb ->> 'above')::bigint AND i.block_number <= ($1::jsonb ->> 'up_to')::bigint AND t.owner_kind = 'withdrawal' AND w.status IN ('COMPLETED', 'RESETTLED') AND a.kind = 'effect'
    AND NOT EXISTS (SELECT 1 FROM reconciliation_break k JOIN break_action d USING (break_id) WHERE k.owner_id = w.withdrawal_id AND d.action = 'commit')
)
SELECT 'withdrawal ' || c.withdrawal_id AS subject, count(m.hash) || ' such movements in 0x' || encode(c.tx_hash, 'hex') AS found,
  'one of ' || c.amount || ' of ' || c.asset || ' to 0x' || encode(c.recipient, 'hex') AS expected
FROM committed c LEFT JOIN moved m ON m.hash = c.tx_hash AND m.token IS NOT DISTINCT FROM c.token AND m."to" = c.recipient AND m.amount = c.amount
GROUP BY c.withdrawal_id, c.tx_hash, c.amount, c.asset, c.recipient HAVING count(m.hash) <> 1
