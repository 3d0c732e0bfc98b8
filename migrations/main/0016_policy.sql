-- min_code_version: 1
-- Policy documents, the windows of their limits with what decisions took from them, and holds.

-- `canonical` is what decides; `document` is what its author wrote. Versions are kept for ever.
CREATE TABLE policy_version (
  version text PRIMARY KEY CHECK (version ~ '^policy:[0-9a-f]{64}$'),
  document text NOT NULL,
  canonical text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
-- Null: the tiers of the configuration. Decisions share the row, so none of an older version commits after a change.
CREATE TABLE policy_effective (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  version text REFERENCES policy_version,
  since timestamptz NOT NULL DEFAULT now()
);
INSERT INTO policy_effective DEFAULT VALUES;

-- One number that may not be exceeded: of a rule, and where it is an amount, of an asset. Limits with one meter add up
-- the same payments. asset '': any; window_ms null: for ever.
CREATE TABLE policy_limit (
  limit_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  policy_version text NOT NULL REFERENCES policy_version,
  rule_id text NOT NULL,
  asset text NOT NULL,
  meter text NOT NULL,
  dimension text NOT NULL,
  bucket_ms bigint CHECK (bucket_ms > 0),
  window_ms bigint CHECK (window_ms > 0),
  amount numeric(78, 0) CHECK (amount > 0),
  count bigint CHECK (count > 0),
  UNIQUE (policy_version, rule_id, asset),
  CHECK ((bucket_ms IS NULL) = (window_ms IS NULL)),
  CHECK (amount IS NOT NULL OR count IS NOT NULL)
);

-- What a name in a dimension spent: by meter a list of [number of the bucket, base units, payments]. One row for all
-- limits of a dimension, locked while somebody decides: its size is that of the windows, not of their entries.
CREATE TABLE policy_counter (
  counter_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  dimension text NOT NULL,
  name text NOT NULL,
  spends jsonb NOT NULL CHECK (jsonb_typeof(spends) = 'object'),
  updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- What an allowed decision took, from which counters and by which limits; given back once.
CREATE TABLE policy_charge (
  subject_id uuid NOT NULL,
  decision_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  at timestamptz NOT NULL,
  counter_ids uuid[] NOT NULL,
  limit_nos int[] NOT NULL,
  released_at timestamptz,
  PRIMARY KEY (subject_id, decision_id),
  CHECK (cardinality(counter_ids) BETWEEN 1 AND 1000 AND cardinality(limit_nos) = cardinality(counter_ids))
) WITH (fillfactor = 90);

ALTER TABLE decision ADD COLUMN inputs jsonb, ADD COLUMN sampled boolean NOT NULL DEFAULT false;
-- What is set aside for people to look at.
CREATE INDEX decision_sampled ON decision (tenant_id, decision_id) WHERE sampled;

GRANT SELECT, INSERT ON policy_version, policy_limit, policy_counter, policy_charge TO payonce_app;
GRANT SELECT, UPDATE (version, since) ON policy_effective TO payonce_app;
GRANT UPDATE (spends, updated_at) ON policy_counter TO payonce_app;
GRANT UPDATE (released_at) ON policy_charge TO payonce_app;
GRANT SELECT ON policy_version TO payonce_signer;
