-- journal/effect-or-filler
-- The bytes of a journal entry do what the intent's tx wants, or are the filler of its slot.
-- asks: journal
SELECT 'journal entry ' || f.height AS subject,
  concat_ws(' ', f.kind, 'to 0x' || encode(f."to", 'hex'), 'value', f.value, CASE WHEN NOT f.plain THEN 'transfer of ' || coalesce(f.amount::text, 'unknown')
    || ' to 0x' || coalesce(encode(f.recipient, 'hex'), 'unknown') END) AS found,
  CASE WHEN f.kind = 'filler' THEN 'nothing to itself' WHEN t.tx_id IS NULL THEN 'a tx of this intent'
    ELSE concat_ws(' ', t.amount, 'of', t.asset, 'to 0x' || encode(t.recipient, 'hex')) END AS expected
FROM jsonb_to_recordset($1::jsonb -> 'entries') AS f(height bigint, request uuid, intent bytea, kind text, bound_chain bigint, bound_from bytea, bound_nonce bigint,
    chain bigint, nonce bigint, "to" bytea, value numeric, plain boolean, token bytea, recipient bytea, amount numeric, gas_limit numeric, max_fee numeric,
    max_priority_fee numeric, fingerprint_fits boolean, signed_fits boolean) LEFT JOIN tx t ON t.intent_id = f.intent
WHERE (f.kind = 'filler' OR f.height <= ($1::jsonb ->> 'known')::bigint) AND NOT coalesce(CASE
  WHEN f.kind = 'filler' THEN f."to" = f.bound_from AND f.value = 0 AND f.plain
  WHEN t.token IS NULL THEN f."to" = t.recipient AND f.value = t.amount AND f.plain
  ELSE f.token = t.token AND (f."to" = t.token OR get_byte(t.payer_authorization, 0) IN (2, 3)) AND f.value = 0 AND f.recipient = t.recipient AND f.amount = t.amount END, false)
