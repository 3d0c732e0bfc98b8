-- journal/signed-what-was-written
-- Signed bytes are those that were written before signing, under the hash and the fingerprint beside them.
-- asks: journal
SELECT 'journal entry ' || f.height AS subject, CASE WHEN f.fingerprint_fits THEN 'signed bytes of something else' ELSE 'another fingerprint' END AS found,
  'the bytes that were written' AS expected
FROM jsonb_to_recordset($1::jsonb -> 'entries') AS f(height bigint, request uuid, intent bytea, kind text, bound_chain bigint, bound_from bytea, bound_nonce bigint,
    chain bigint, nonce bigint, "to" bytea, value numeric, plain boolean, recipient bytea, amount numeric, gas_limit numeric, max_fee numeric,
    max_priority_fee numeric, fingerprint_fits boolean, signed_fits boolean)
WHERE NOT (f.fingerprint_fits AND f.signed_fits)
