-- journal/request-agrees
-- Every journal entry answers a signature request that was claimed, of its kind, slot, type and fees.
-- asks: journal
SELECT 'journal entry ' || f.height AS subject,
  concat_ws(' ', f.kind, 'type', f.tx_type, 'nonce', f.nonce, 'gas', f.gas_limit, 'at', f.max_fee, 'and', f.max_priority_fee) AS found,
  CASE WHEN r.signature_request_id IS NULL THEN 'request ' || f.request WHEN r.claimed_at IS NULL THEN 'a claimed request'
    ELSE concat_ws(' ', r.kind, 'type', r.tx_type, 'nonce', r.nonce, 'gas', r.gas_limit, 'at', r.max_fee_per_gas, 'and', r.max_priority_fee_per_gas) END AS expected
FROM jsonb_to_recordset($1::jsonb -> 'entries') AS f(height bigint, request uuid, intent bytea, kind text, bound_chain bigint, bound_from bytea, bound_nonce bigint,
    chain bigint, nonce bigint, "to" bytea, value numeric, plain boolean, recipient bytea, amount numeric, tx_type smallint, gas_limit numeric, max_fee numeric,
    max_priority_fee numeric, fingerprint_fits boolean, signed_fits boolean) LEFT JOIN signature_request r ON r.signature_request_id = f.request
WHERE f.height <= ($1::jsonb ->> 'known')::bigint AND (r.signature_request_id IS NULL OR r.claimed_at IS NULL OR r.kind <> f.kind
  OR (r.nonce, r.tx_type, r.gas_limit, r.max_fee_per_gas, r.max_priority_fee_per_gas) IS DISTINCT FROM (f.nonce, f.tx_type, f.gas_limit, f.max_fee, f.max_priority_fee))
