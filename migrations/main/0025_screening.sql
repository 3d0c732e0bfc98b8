-- min_code_version: 1
-- What is known of the risk of paying an address on a chain, and what somebody waits to know.

-- A row with `wanted_at` is asked about from `ask_at` on; who asks moves that on first, so that a crash only delays.
-- `failure`: why the last question has no answer; what was answered before stays, as old as it is.
CREATE TABLE screening (
  chain_id bigint NOT NULL,
  address bytea NOT NULL CHECK (octet_length(address) = 20),
  risk_score int CHECK (risk_score BETWEEN 0 AND 100),
  category text CHECK (category ~ '^[a-z0-9_]{1,64}$'),
  source text CHECK (source <> ''),
  screened_at timestamptz,
  wanted_at timestamptz DEFAULT clock_timestamp(),
  ask_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  failures int NOT NULL DEFAULT 0 CHECK (failures >= 0),
  failure text,
  PRIMARY KEY (chain_id, address),
  CHECK ((risk_score IS NULL) = (screened_at IS NULL) AND (source IS NULL) = (screened_at IS NULL)),
  CHECK ((failures > 0) = (failure IS NOT NULL)),
  CHECK (wanted_at IS NOT NULL OR screened_at IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX screening_wanted ON screening (ask_at) WHERE wanted_at IS NOT NULL;
GRANT SELECT, INSERT (chain_id, address) ON screening TO payonce_app;
GRANT UPDATE (risk_score, category, source, screened_at, wanted_at, ask_at, failures, failure) ON screening TO payonce_app;
