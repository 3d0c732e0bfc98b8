-- journal/slot-agrees
-- The slot that the journal bound an intent to is the slot that the books gave its tx.
-- asks: journal
-- The filler of a slot whose own intent could not be signed closes it under an intent of its own.
SELECT 'journal entry ' || f.height AS subject,
  'bound to ' || concat_ws(':', f.bound_chain, '0x' || encode(f.bound_from, 'hex'), f.bound_nonce) AS found,
  coalesce('slot ' || concat_ws(':', s.chain_id, '0x' || encode(s.from_address, 'hex'), s.nonce), 'a slot') AS expected
FROM jsonb_to_recordset($1::jsonb -> 'entries') AS f(height bigint, request uuid, intent bytea, kind text, bound_chain bigint, bound_from bytea, bound_nonce bigint,
    chain bigint, nonce bigint, "to" bytea, value numeric, plain boolean, recipient bytea, amount numeric, gas_limit numeric, max_fee numeric,
    max_priority_fee numeric, fingerprint_fits boolean, signed_fits boolean) LEFT JOIN tx t ON t.intent_id = f.intent
LEFT JOIN nonce_slot s ON s.tx_id = t.tx_id OR (t.tx_id IS NULL AND f.kind = 'filler' AND s.chain_id = f.bound_chain
  AND s.from_address = f.bound_from AND s.nonce = f.bound_nonce)
WHERE f.height <= ($1::jsonb ->> 'known')::bigint AND (s.chain_id IS DISTINCT FROM f.bound_chain OR s.from_address IS DISTINCT FROM f.bound_from OR s.nonce IS DISTINCT FROM f.bound_nonce)
