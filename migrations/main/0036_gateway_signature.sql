-- min_code_version: 1
-- A call is found by what its payer signed: payer and nonce of an authorization stand on the chain for everybody to copy.

ALTER TABLE gateway_call ADD COLUMN signature_hash bytea CHECK (octet_length(signature_hash) = 32);
UPDATE gateway_call c SET signature_hash = sha256(p.signature) FROM payment p WHERE p.payment_id = c.payment_id;
ALTER TABLE gateway_call ALTER COLUMN signature_hash SET NOT NULL;
