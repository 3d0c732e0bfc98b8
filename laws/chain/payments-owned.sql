-- chain/payments-owned
-- Everything of value that left a lane is the payment of one slot, with the recipient and the amount of its tx, of a break, or adopted.
-- asks: walk
WITH moved AS (
  SELECT f.hash, f.token, f."from", f."to", f.amount, f.height,
    row_number() OVER (PARTITION BY f.hash) AS n FROM jsonb_to_recordset($1::jsonb -> 'transfers') AS f(hash bytea, token bytea, "from" bytea, "to" bytea, amount numeric, height bigint)
  UNION ALL
  SELECT f.hash, NULL, f."from", f."to", f.value, f.height, 1 FROM jsonb_to_recordset($1::jsonb -> 'transactions') AS f(hash bytea, "from" bytea, nonce bigint, "to" bytea, value numeric, plain boolean,
    recipient bytea, amount numeric, height bigint, succeeded boolean)
  WHERE f.value > 0 AND f.succeeded
)
SELECT 'transaction 0x' || encode(m.hash, 'hex') || ' in block ' || m.height AS subject,
  concat_ws(' ', m.amount, 'of', coalesce('0x' || encode(m.token, 'hex'), 'the native coin'), 'to 0x' || encode(m."to", 'hex')) AS found,
  CASE WHEN t.tx_id IS NULL THEN 'no payment' WHEN m.n > 1 THEN 'one movement'
    ELSE concat_ws(' ', t.amount, 'of', t.asset, 'to 0x' || encode(t.recipient, 'hex')) END AS expected
FROM moved m JOIN lane l ON l.chain_id = ($1::jsonb ->> 'chain')::bigint AND l.address = m."from"
LEFT JOIN attempt a ON a.chain_id = l.chain_id AND a.tx_hash = m.hash AND a.lane_id = l.lane_id AND a.kind = 'effect'
LEFT JOIN tx t ON t.tx_id = a.tx_id
-- Up to the block as of which the lane was adopted everything is in what it held then.
WHERE (t.tx_id IS NULL OR m.n > 1 OR t.token IS DISTINCT FROM m.token OR t.recipient <> m."to" OR t.amount <> m.amount)
  AND NOT EXISTS (SELECT 1 FROM reconciliation_break k WHERE k.kind = 'effect_mismatch' AND k.subject_id = t.tx_id)
  AND NOT EXISTS (SELECT 1 FROM jsonb_to_recordset($1::jsonb -> 'transactions') AS f(hash bytea, "from" bytea, nonce bigint, "to" bytea, value numeric, plain boolean,
    recipient bytea, amount numeric, height bigint, succeeded boolean) WHERE f.hash = m.hash AND f.nonce < l.first_nonce)
  -- A foreign use that a person has looked at is in the books.
  AND NOT EXISTS (SELECT 1 FROM foreign_inclusion x WHERE x.tx_hash = m.hash AND x.lane_id = l.lane_id AND x.adopted_at IS NOT NULL)
  AND m.height > (SELECT s.up_to_block FROM lane_stretch s WHERE s.lane_id = l.lane_id AND s.above_block IS NULL)
