-- chain/recorded-is-mined
-- Every inclusion in the canonical chain of the books is a transaction in that block of the chain.
-- asks: walk
SELECT 'transaction 0x' || encode(a.tx_hash, 'hex') AS subject, 'recorded in block ' || i.block_number AS found,
  coalesce('in block ' || f.height, 'not in these blocks') AS expected
FROM inclusion i JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
JOIN attempt a USING (attempt_id)
LEFT JOIN jsonb_to_recordset($1::jsonb -> 'transactions') AS f(hash bytea, "from" bytea, nonce bigint, "to" bytea, value numeric, plain boolean,
    recipient bytea, amount numeric, height bigint, succeeded boolean) ON f.hash = a.tx_hash
WHERE i.chain_id = ($1::jsonb ->> 'chain')::bigint AND i.block_number > ($1::jsonb ->> 'above')::bigint AND i.block_number <= ($1::jsonb ->> 'up_to')::bigint AND f.height IS DISTINCT FROM i.block_number
