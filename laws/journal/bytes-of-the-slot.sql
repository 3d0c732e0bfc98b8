-- journal/bytes-of-the-slot
-- The bytes of a journal entry are a transaction of the chain and the nonce that its intent is bound to.
-- asks: journal
SELECT 'journal entry ' || f.height AS subject, coalesce('chain ' || f.chain || ', nonce ' || f.nonce, 'no transaction') AS found,
  coalesce('chain ' || f.bound_chain || ', nonce ' || f.bound_nonce, 'an intent that is bound to a slot') AS expected
FROM jsonb_to_recordset($1::jsonb -> 'entries') AS f(height bigint, request uuid, intent bytea, kind text, bound_chain bigint, bound_from bytea, bound_nonce bigint,
    chain bigint, nonce bigint, "to" bytea, value numeric, plain boolean, recipient bytea, amount numeric, gas_limit numeric, max_fee numeric,
    max_priority_fee numeric, fingerprint_fits boolean, signed_fits boolean)
WHERE f.chain IS DISTINCT FROM f.bound_chain OR f.nonce IS DISTINCT FROM f.bound_nonce OR f.chain IS NULL
