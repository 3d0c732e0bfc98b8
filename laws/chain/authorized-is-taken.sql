-- chain/authorized-is-taken
-- Every transaction of ours that is held to have paid by its payer's authorization moved the amount of its tx, in one movement from that payer to the payee.
-- asks: walk
WITH taken AS (
  SELECT f.* FROM jsonb_to_recordset($1::jsonb -> 'taken') AS f(hash bytea, token bytea, "from" bytea, "to" bytea, amount numeric, height bigint)
)
SELECT 'transaction 0x' || encode(a.tx_hash, 'hex') AS subject, coalesce(string_agg(m.amount || ' to 0x' || encode(m."to", 'hex'), ' and '), 'nothing') AS found,
  concat_ws(' ', t.amount, 'of', t.asset, 'from 0x' || encode(substr(t.payer_authorization, 2, 20), 'hex'), 'to 0x' || encode(t.recipient, 'hex')) AS expected
FROM inclusion i JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
JOIN attempt a USING (attempt_id) JOIN tx t ON t.tx_id = a.tx_id
LEFT JOIN taken m ON m.hash = a.tx_hash AND m.token = t.token AND m."from" = substr(t.payer_authorization, 2, 20)
WHERE i.chain_id = ($1::jsonb ->> 'chain')::bigint AND i.block_number > ($1::jsonb ->> 'above')::bigint AND i.block_number <= ($1::jsonb ->> 'up_to')::bigint
  AND t.payer_authorization IS NOT NULL AND a.kind = 'effect' AND i.succeeded AND i.effect_ok
GROUP BY a.tx_hash, t.tx_id, t.amount, t.asset, t.payer_authorization, t.recipient
HAVING count(m.hash) <> 1 OR bool_or(m.amount <> t.amount OR m."to" <> t.recipient)
