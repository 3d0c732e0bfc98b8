-- chain/transactions-owned
-- Every transaction that a lane sent is an attempt of the slot that has its nonce, or a foreign one that a person has adopted.
-- asks: walk
SELECT 'transaction 0x' || encode(f.hash, 'hex') || ' in block ' || f.height AS subject,
  CASE WHEN a.attempt_id IS NULL THEN 'no attempt of ours' ELSE 'attempt of slot ' || a.lane_id || ':' || a.nonce END AS found,
  'an attempt of slot ' || l.lane_id || ':' || f.nonce AS expected
FROM jsonb_to_recordset($1::jsonb -> 'transactions') AS f(hash bytea, "from" bytea, nonce bigint, "to" bytea, value numeric, plain boolean,
    recipient bytea, amount numeric, height bigint, succeeded boolean)
JOIN lane l ON l.chain_id = ($1::jsonb ->> 'chain')::bigint AND l.address = f."from"
LEFT JOIN attempt a ON a.chain_id = l.chain_id AND a.tx_hash = f.hash
LEFT JOIN nonce_slot s ON s.lane_id = a.lane_id AND s.nonce = a.nonce AND s.tx_id = a.tx_id
-- What lies below was sent before the lane was adopted.
WHERE f.nonce >= l.first_nonce AND (s.tx_id IS NULL OR s.lane_id <> l.lane_id OR s.nonce <> f.nonce)
  AND NOT EXISTS (SELECT 1 FROM foreign_inclusion x WHERE x.tx_hash = f.hash AND x.lane_id = l.lane_id AND x.adopted_at IS NOT NULL)
