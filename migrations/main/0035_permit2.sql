-- min_code_version: 1
-- Payments by Permit2 beside those by EIP-3009.

-- A byte that names the method comes first: 1 for EIP-3009, as everything was so far, 2 for Permit2.
ALTER TABLE tx DROP CONSTRAINT tx_payer_authorization;
UPDATE tx SET payer_authorization = '\x01' || payer_authorization WHERE payer_authorization IS NOT NULL;
ALTER TABLE tx ADD CONSTRAINT tx_payer_authorization CHECK (payer_authorization IS NULL
  OR (token IS NOT NULL AND octet_length(payer_authorization) BETWEEN 118 AND 4097
    AND get_byte(payer_authorization, 0) IN (1, 2)));

ALTER TABLE payment ADD method text DEFAULT 'eip3009' CHECK (method IN ('eip3009', 'permit2')),
  DROP CONSTRAINT payment_authorized;
ALTER TABLE payment ALTER method DROP DEFAULT,
  ADD CONSTRAINT payment_authorized CHECK (status IN ('REQUESTED', 'CHALLENGED')
    OR (authorization_id IS NOT NULL AND payer IS NOT NULL AND valid_after IS NOT NULL AND valid_before IS NOT NULL
      AND nonce IS NOT NULL AND signature IS NOT NULL AND method IS NOT NULL));
