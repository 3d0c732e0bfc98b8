-- min_code_version: 1
-- What may leave wallets, as the signer counts it; and refusals of what never had an order.

-- What each signature counted for, where a limit is configured: of the token its amount, of the native coin its value
-- and gas limit × fee; a filler or a replacement by how much it raises the most that its intent can move.
CREATE TABLE spend (
  signature_request_id uuid NOT NULL REFERENCES journal (signature_request_id),
  wallet_group text NOT NULL,
  asset text NOT NULL,
  amount numeric(78, 0) NOT NULL CHECK (amount >= 0),
  minute timestamptz NOT NULL,
  PRIMARY KEY (signature_request_id, asset)
);

-- The same by minutes, with the sum of all minutes before: what a window holds is the difference of two rows, however
-- many there are. Minutes ascend, also when the clock does not; written under the lock of journal_head.
CREATE TABLE spend_minute (
  wallet_group text NOT NULL,
  asset text NOT NULL,
  minute timestamptz NOT NULL,
  amount numeric(78, 0) NOT NULL CHECK (amount >= 0),
  before numeric(78, 0) NOT NULL CHECK (before >= 0),
  PRIMARY KEY (wallet_group, asset, minute)
) WITH (fillfactor = 70);

-- What was refused, and the field of the payment that was not as it was approved.
ALTER TABLE refusal ADD COLUMN tx_id uuid, ADD COLUMN intent_id bytea, ADD COLUMN field text;

GRANT SELECT, INSERT ON spend, spend_minute TO payonce_signer;
GRANT UPDATE (amount) ON spend_minute TO payonce_signer;
