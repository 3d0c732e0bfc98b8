-- min_code_version: 1
-- What happens to lanes from outside: who paused one and why, nonces that somebody else used, and what the
-- regular checks found.

ALTER TABLE lane ADD COLUMN paused_at timestamptz, ADD COLUMN paused_by text, ADD COLUMN paused_note text;

-- A transaction in a block that used a nonce of a lane and is none of our attempts. Append-only, canonical while
-- its hash is the one at its height, as an inclusion is.
CREATE TABLE foreign_inclusion (
  tx_hash bytea NOT NULL CHECK (octet_length(tx_hash) = 32),
  block_hash bytea NOT NULL CHECK (octet_length(block_hash) = 32),
  chain_id bigint NOT NULL,
  block_number bigint NOT NULL,
  lane_id int NOT NULL REFERENCES lane,
  nonce bigint NOT NULL CHECK (nonce >= 0),
  -- It gave the recipient of the nonce's slot something of the slot's asset: perhaps our payment, signed
  -- with bytes that we do not have. Such a slot never ends by itself.
  pays_intent boolean NOT NULL,
  -- To whom, value, selector, whether it succeeded, what it moved.
  did jsonb NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now(),
  -- A person has seen it and the books hold what it took.
  adopted_at timestamptz,
  PRIMARY KEY (tx_hash, block_hash)
);
CREATE INDEX foreign_inclusion_slot ON foreign_inclusion (lane_id, nonce);

-- What regular checks found and still find; told once, when it was opened.
CREATE TABLE finding (
  kind text NOT NULL,
  subject text NOT NULL,
  check_name text NOT NULL,
  -- Null: it concerns the whole installation.
  tenant_id uuid,
  detail jsonb NOT NULL,
  opened_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (kind, subject)
);
-- When each check ran, and who runs it now: in an installation each runs once at a time.
CREATE TABLE check_run (
  check_name text PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  findings int,
  lease_owner text,
  lease_until timestamptz
);

-- A filler that closes a gap is a tx of nobody's that pays nothing.
ALTER TABLE tx DROP CONSTRAINT tx_amount_check,
  ADD CONSTRAINT tx_amount_check CHECK (amount > 0 OR (amount = 0 AND owner_kind = 'filler'));

GRANT UPDATE (paused_at, paused_by, paused_note) ON lane TO payonce_app;
GRANT SELECT, INSERT, UPDATE (adopted_at) ON foreign_inclusion TO payonce_app;
GRANT SELECT, INSERT, DELETE ON finding TO payonce_app;
GRANT SELECT, INSERT, UPDATE (started_at, finished_at, findings, lease_owner, lease_until) ON check_run TO payonce_app;

-- What a lane is for: 'pay' pays withdrawals and is swept, 'treasury' fills lanes and receives sweeps.
ALTER TABLE lane ADD COLUMN purpose text NOT NULL DEFAULT 'pay' CHECK (purpose IN ('pay', 'treasury'));
-- The one lane that this tx may leave from; null: any that pays for its tenant.
ALTER TABLE tx ADD COLUMN from_lane int;

-- Coins and tokens between a tenant's own wallets: a top-up fills a lane from the treasury, a sweep takes what a
-- lane has too much. Each is one tx under an intent derived from kind, wallets, asset and generation.
CREATE TABLE treasury_move (
  move_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('topup', 'sweep')),
  from_lane int NOT NULL REFERENCES lane,
  to_lane int NOT NULL REFERENCES lane CHECK (to_lane <> from_lane),
  asset text NOT NULL,
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  generation int NOT NULL CHECK (generation > 0),
  correlation_id text NOT NULL,
  requested_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Null: under way. 'unpaid': it ended without moving anything.
  outcome text CHECK (outcome IN ('arrived', 'unpaid')),
  ended_at timestamptz,
  UNIQUE (kind, from_lane, to_lane, asset, generation)
);
CREATE UNIQUE INDEX treasury_move_open ON treasury_move (kind, from_lane, to_lane, asset) WHERE outcome IS NULL;
GRANT SELECT, INSERT, UPDATE (outcome, ended_at) ON treasury_move TO payonce_app;
