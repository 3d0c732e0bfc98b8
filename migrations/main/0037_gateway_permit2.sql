-- min_code_version: 1
-- Prices that are paid by Permit2, beside those by EIP-3009.

ALTER TABLE priced_endpoint ADD transfer_method text NOT NULL DEFAULT 'eip3009'
  CHECK (transfer_method IN ('eip3009', 'permit2'));
ALTER TABLE priced_endpoint ALTER transfer_method DROP DEFAULT;
