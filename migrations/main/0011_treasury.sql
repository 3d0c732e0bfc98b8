-- min_code_version: 1
-- What the regular checks found, and what is moved between a tenant's own wallets.

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

GRANT SELECT, INSERT, DELETE ON finding TO payonce_app;
GRANT SELECT, INSERT, UPDATE (started_at, finished_at, findings, lease_owner, lease_until) ON check_run TO payonce_app;

-- What a lane is for: 'pay' pays withdrawals and is swept, 'treasury' fills lanes and receives sweeps.
ALTER TABLE lane ADD COLUMN purpose text NOT NULL DEFAULT 'pay' CHECK (purpose IN ('pay', 'treasury'));
-- A tx between two wallets of its tenant: the one that it leaves from and no other, and the one that it fills.
ALTER TABLE tx ADD COLUMN from_lane int, ADD COLUMN to_lane int,
  ADD CONSTRAINT tx_own_lanes CHECK ((from_lane IS NULL) = (to_lane IS NULL));
-- The lane that such an effect filled: what it brought is found without a walk through all inclusions of the blocks.
ALTER TABLE inclusion ADD COLUMN to_lane int;
CREATE INDEX inclusion_to_lane ON inclusion (to_lane, block_number) WHERE to_lane IS NOT NULL;
-- Native amounts that such effects brought to the lane; who moves them books both sides, so they are no arrivals.
ALTER TABLE lane_stretch ADD COLUMN received numeric(78, 0) NOT NULL DEFAULT 0 CHECK (received >= 0);

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
