-- chain/transactions-do-what-was-wanted
-- Every transaction of a slot is the call that its tx wants, or the filler where that was signed.
-- asks: walk
SELECT 'transaction 0x' || encode(f.hash, 'hex') AS subject,
  concat_ws(' ', 'to 0x' || encode(f."to", 'hex'), 'value', f.value, CASE WHEN f.plain THEN 'no data' ELSE 'transfer of ' || coalesce(f.amount::text, 'unknown')
    || ' to 0x' || coalesce(encode(f.recipient, 'hex'), 'unknown') END) AS found,
  CASE WHEN a.kind = 'filler' THEN 'nothing to itself'
    ELSE concat_ws(' ', t.amount, 'of', t.asset, 'to 0x' || encode(t.recipient, 'hex')) END AS expected
FROM jsonb_to_recordset($1::jsonb -> 'transactions') AS f(hash bytea, "from" bytea, nonce bigint, "to" bytea, value numeric, plain boolean,
    token bytea, recipient bytea, amount numeric, height bigint, succeeded boolean)
JOIN attempt a ON a.chain_id = ($1::jsonb ->> 'chain')::bigint AND a.tx_hash = f.hash JOIN tx t ON t.tx_id = a.tx_id
WHERE NOT coalesce(CASE
  WHEN a.kind = 'filler' THEN f."to" = f."from" AND f.value = 0 AND f.plain
  WHEN t.token IS NULL THEN f."to" = t.recipient AND f.value = t.amount AND f.plain
  ELSE f.token = t.token AND (f."to" = t.token OR get_byte(t.payer_authorization, 0) IN (2, 3)) AND f.value = 0 AND f.recipient = t.recipient AND f.amount = t.amount END, false)
