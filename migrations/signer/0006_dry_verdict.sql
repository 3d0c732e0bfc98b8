-- min_code_version: 1
-- Transactions are judged before they have a slot, and so before there is a request.
ALTER TABLE refusal ALTER COLUMN signature_request_id DROP NOT NULL,
  ADD CHECK (signature_request_id IS NOT NULL OR tx_id IS NOT NULL);

-- What transactions that were told yes will count for when they are signed, for as long as they may take their slots by
-- that word: so that two are not promised what a limit holds for one. It limits nothing by itself.
CREATE TABLE dry_promise (
  intent_id bytea NOT NULL CHECK (octet_length(intent_id) = 32),
  wallet_group text NOT NULL,
  asset text NOT NULL,
  amount numeric(78, 0) NOT NULL CHECK (amount >= 0),
  until timestamptz NOT NULL,
  PRIMARY KEY (intent_id, asset)
);
GRANT SELECT, INSERT, DELETE, UPDATE (wallet_group, amount, until) ON dry_promise TO payonce_signer;
