-- keys/withdrawal-key
-- Every withdrawal stands under the hash of its tenant, operation and idempotency key.
-- asks: main
SELECT 'withdrawal ' || w.withdrawal_id AS subject, coalesce('key of ' || k.resource_id, 'no key') AS found, 'its own key' AS expected
FROM withdrawal w LEFT JOIN idempotency_key k ON k.key_hash =
  encode(substr(sha256(int4send(octet_length(convert_to('idempotency', 'UTF8'))) || convert_to('idempotency', 'UTF8') || int4send(octet_length(convert_to(w.tenant_id::text, 'UTF8'))) || convert_to(w.tenant_id::text, 'UTF8') || int4send(octet_length(convert_to('withdrawal', 'UTF8'))) || convert_to('withdrawal', 'UTF8') || int4send(octet_length(convert_to(w.idempotency_key, 'UTF8'))) || convert_to(w.idempotency_key, 'UTF8')), 1, 16), 'hex')::uuid
WHERE w.withdrawal_id >= ($1::jsonb ->> 'since')::uuid AND k.resource_id IS DISTINCT FROM w.withdrawal_id
