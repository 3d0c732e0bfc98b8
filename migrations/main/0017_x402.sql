-- min_code_version: 1
-- x402: payments that a payer signed for and a merchant hands in.

-- Whose tokens a tx moves where they are not the lane's: payer, valid after, valid before, nonce (20 and three times
-- 32 bytes) and the payer's signature. The signer rebuilds the call and the intent from it.
ALTER TABLE tx ADD payer_authorization bytea,
  ADD CONSTRAINT tx_payer_authorization CHECK (payer_authorization IS NULL
    OR (token IS NOT NULL AND octet_length(payer_authorization) BETWEEN 117 AND 4096)),
  DROP CONSTRAINT tx_settle_at_check,
  ADD CONSTRAINT tx_settle_at_check CHECK (settle_at IN ('included', 'safe', 'finalized')),
  ADD CONSTRAINT tx_settles_early CHECK (settle_at <> 'included' OR owner_kind = 'payment');

-- A party inside a tenant that hands in payments: where they may go, in which assets, and how much at most.
CREATE TABLE merchant (
  merchant_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL REFERENCES tenant,
  name text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  pay_to bytea[] NOT NULL CHECK (cardinality(pay_to) > 0),
  -- It remembers what it has served, and gets every success again.
  replays boolean NOT NULL DEFAULT false,
  disabled_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, name)
);
CREATE TABLE merchant_asset (
  merchant_id uuid NOT NULL REFERENCES merchant,
  asset text NOT NULL,
  -- Base units of one payment; null: what the tiers of the asset allow.
  max_amount numeric(78, 0) CHECK (max_amount > 0),
  PRIMARY KEY (merchant_id, asset)
);
-- Whom an API key acts for.
CREATE TABLE merchant_key (
  key_id uuid PRIMARY KEY REFERENCES api_key,
  merchant_id uuid NOT NULL REFERENCES merchant
);

CREATE TABLE payment (
  payment_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  merchant_id uuid NOT NULL,
  status text NOT NULL,
  -- What was paid for, without its query; '' where the payer named nothing.
  endpoint text NOT NULL CHECK (octet_length(endpoint) <= 2048),
  -- The payer's payment-identifier.
  idempotency_key text CHECK (octet_length(idempotency_key) BETWEEN 1 AND 255),
  fingerprint uuid NOT NULL,
  -- The digest of its authorization: single across tenants, for ever, whatever became of it.
  authorization_id bytea UNIQUE CHECK (octet_length(authorization_id) = 32),
  converged_on uuid,
  chain_id bigint NOT NULL,
  asset text NOT NULL,
  token bytea NOT NULL CHECK (octet_length(token) = 20),
  payer bytea CHECK (octet_length(payer) = 20),
  pay_to bytea NOT NULL CHECK (octet_length(pay_to) = 20),
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  valid_after numeric(78, 0),
  valid_before numeric(78, 0),
  nonce bytea CHECK (octet_length(nonce) = 32),
  signature bytea,
  -- The level of a success, and the level at which it is committed to the ledger.
  wait_until text NOT NULL CHECK (wait_until IN ('included', 'safe', 'finalized')),
  commit_at text NOT NULL CHECK (commit_at IN ('safe', 'finalized')),
  risk_tier text NOT NULL,
  -- Whoever verified it last serves it until then.
  leased_until timestamptz,
  -- Its success is on the way to one caller until then, and was handed to one at last.
  delivering_until timestamptz,
  delivered_at timestamptz,
  -- Somebody was told that it is under way, and how to find it.
  pending_told_at timestamptz,
  failure_code text,
  correlation_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (merchant_id, endpoint, idempotency_key),
  CONSTRAINT payment_authorized CHECK (status IN ('REQUESTED', 'CHALLENGED')
    OR (authorization_id IS NOT NULL AND payer IS NOT NULL AND valid_after IS NOT NULL AND valid_before IS NOT NULL
      AND nonce IS NOT NULL AND signature IS NOT NULL)),
  CONSTRAINT payment_converged CHECK (converged_on IS NULL OR (idempotency_key IS NULL AND converged_on <> payment_id)),
  CONSTRAINT payment_duplicate CHECK (status <> 'DUPLICATE_REQUEST' OR converged_on IS NOT NULL)
) WITH (fillfactor = 45);
CREATE INDEX payment_tenant ON payment (tenant_id, payment_id);

-- A transaction of somebody else that took a payment's authorization; append-only. Canonical while its block is.
CREATE TABLE payment_landing (
  payment_id uuid NOT NULL,
  block_hash bytea NOT NULL CHECK (octet_length(block_hash) = 32),
  chain_id bigint NOT NULL,
  block_number bigint NOT NULL,
  tx_hash bytea NOT NULL CHECK (octet_length(tx_hash) = 32),
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (payment_id, block_hash)
);
CREATE INDEX payment_landing_hash ON payment_landing (tx_hash);

GRANT SELECT, INSERT ON merchant, merchant_asset, merchant_key, payment, payment_landing TO payonce_app;
GRANT UPDATE (pay_to, replays, disabled_at) ON merchant TO payonce_app;
GRANT DELETE ON merchant_asset TO payonce_app;
GRANT UPDATE (status, updated_at, leased_until, delivering_until, delivered_at, pending_told_at, failure_code)
  ON payment TO payonce_app;
