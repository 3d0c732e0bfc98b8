-- min_code_version: 1
-- What the signer would say to a transaction that has no slot yet. The app asks and asks again, the signer answers the
-- newest question: each writes its own columns. Only a hint: nothing is signed for it, and the signer judges again when
-- the slot stands.
CREATE TABLE dry_verdict (
  tx_id uuid PRIMARY KEY,
  question int NOT NULL DEFAULT 1,
  lane_id int NOT NULL,
  decision_id uuid,
  tx_type smallint NOT NULL CHECK (tx_type IN (0, 2)),
  gas_limit numeric(78, 0) NOT NULL CHECK (gas_limit > 0),
  max_fee_per_gas numeric(78, 0) NOT NULL CHECK (max_fee_per_gas > 0),
  max_priority_fee_per_gas numeric(78, 0) NOT NULL CHECK (max_priority_fee_per_gas >= 0),
  asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  answered int NOT NULL DEFAULT 0 CHECK (answered <= question),
  answered_at timestamptz,
  refusal_code text,
  refusal_message text,
  CHECK ((answered = 0) = (answered_at IS NULL)),
  CHECK ((refusal_code IS NULL) = (refusal_message IS NULL)),
  CHECK (refusal_code IS NULL OR answered > 0)
) WITH (fillfactor = 50);
CREATE INDEX dry_verdict_open ON dry_verdict (asked_at) WHERE answered < question;
GRANT SELECT, INSERT (tx_id, lane_id, decision_id, tx_type, gas_limit, max_fee_per_gas, max_priority_fee_per_gas),
  UPDATE (question, lane_id, decision_id, tx_type, gas_limit, max_fee_per_gas, max_priority_fee_per_gas, asked_at)
  ON dry_verdict TO payonce_app;
GRANT SELECT, UPDATE (answered, answered_at, refusal_code, refusal_message) ON dry_verdict TO payonce_signer;

-- What running signers hold orders against, as a digest of their configuration, told every minute: who gives slots by
-- another configuration asks before each.
CREATE TABLE signer_rules (
  digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
  told_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT ON signer_rules TO payonce_app;
GRANT SELECT, INSERT (digest), UPDATE (told_at) ON signer_rules TO payonce_signer;
