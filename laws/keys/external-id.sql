-- keys/external-id
-- Every external id of a withdrawal is taken by this withdrawal alone.
-- asks: main
SELECT 'withdrawal ' || coalesce(w.withdrawal_id, x.withdrawal_id) AS subject, coalesce('taken by ' || x.withdrawal_id, 'not taken') AS found,
  coalesce('external id ' || w.external_id, 'no external id') AS expected
FROM (SELECT withdrawal_id, external_id,
    encode(substr(sha256(int4send(octet_length(convert_to('external', 'UTF8'))) || convert_to('external', 'UTF8') || int4send(octet_length(convert_to(tenant_id::text, 'UTF8'))) || convert_to(tenant_id::text, 'UTF8') || int4send(octet_length(convert_to(external_id, 'UTF8'))) || convert_to(external_id, 'UTF8')), 1, 16), 'hex')::uuid AS external_hash
  FROM withdrawal WHERE external_id IS NOT NULL AND withdrawal_id >= ($1::jsonb ->> 'since')::uuid) w
FULL JOIN (SELECT * FROM external_id WHERE withdrawal_id >= ($1::jsonb ->> 'since')::uuid) x USING (external_hash)
WHERE w.withdrawal_id IS DISTINCT FROM x.withdrawal_id
