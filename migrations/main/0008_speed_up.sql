-- min_code_version: 1
-- Clients' wishes that a transaction bid more.

-- One per idempotency key. Done is a wish that was ordered from the signer, or that came too late.
CREATE TABLE speed_up (
  speed_up_id uuid PRIMARY KEY,
  tx_id uuid NOT NULL,
  max_fee_per_gas numeric(78, 0) CHECK (max_fee_per_gas > 0),
  correlation_id text NOT NULL,
  signature_request_id uuid UNIQUE,
  done_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (signature_request_id IS NULL OR done_at IS NOT NULL)
);
CREATE INDEX speed_up_open ON speed_up (speed_up_id) WHERE done_at IS NULL;

GRANT SELECT, INSERT ON speed_up TO payonce_app;
GRANT UPDATE (signature_request_id, done_at) ON speed_up TO payonce_app;
