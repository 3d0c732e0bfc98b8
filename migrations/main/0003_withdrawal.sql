-- min_code_version: 1
-- The withdrawal's road.

CREATE TABLE withdrawal (
  withdrawal_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  account text NOT NULL,
  asset text NOT NULL,
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  fee numeric(78, 0) NOT NULL CHECK (fee >= 0),
  recipient bytea NOT NULL CHECK (octet_length(recipient) = 20),
  idempotency_key text NOT NULL,
  external_id text,
  metadata jsonb,
  correlation_id text NOT NULL,
  expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- what steps change
  status text NOT NULL,
  generation int NOT NULL DEFAULT 1,
  decision_id uuid,
  risk_tier text,
  cancel_requested_at timestamptz,
  failure_code text,
  failure_message text,
  failure_members jsonb,
  completed_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now()
-- Validation moves a row twice in one transaction: three versions have to fit.
) WITH (fillfactor = 30);
CREATE INDEX withdrawal_tenant ON withdrawal (tenant_id, withdrawal_id);
CREATE INDEX withdrawal_account ON withdrawal (tenant_id, account, withdrawal_id);

CREATE TABLE external_id (
  external_hash uuid PRIMARY KEY,
  withdrawal_id uuid NOT NULL
);

GRANT SELECT, INSERT ON withdrawal, external_id TO payonce_app;
GRANT UPDATE (status, generation, decision_id, risk_tier, cancel_requested_at, failure_code, failure_message,
  failure_members, completed_at, updated_at) ON withdrawal TO payonce_app;
