-- chain/mined-is-recorded
-- Every transaction of a slot that the chain holds is recorded in that block, with its outcome.
-- asks: walk
SELECT 'transaction 0x' || encode(f.hash, 'hex') AS subject,
  CASE WHEN i.attempt_id IS NULL THEN 'not recorded' ELSE 'recorded as ' || CASE WHEN i.succeeded THEN 'succeeded' ELSE 'reverted' END END AS found,
  'in block ' || f.height || ', ' || CASE WHEN f.succeeded THEN 'succeeded' ELSE 'reverted' END AS expected
FROM jsonb_to_recordset($1::jsonb -> 'transactions') AS f(hash bytea, "from" bytea, nonce bigint, "to" bytea, value numeric, plain boolean,
    recipient bytea, amount numeric, height bigint, succeeded boolean)
JOIN attempt a ON a.chain_id = ($1::jsonb ->> 'chain')::bigint AND a.tx_hash = f.hash
LEFT JOIN block b ON b.chain_id = a.chain_id AND b.height = f.height
LEFT JOIN inclusion i ON i.attempt_id = a.attempt_id AND i.block_hash = b.hash
WHERE i.attempt_id IS NULL OR i.succeeded <> f.succeeded
