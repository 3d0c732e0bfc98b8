-- min_code_version: 1
-- Who did what, for whatever no other append-only row tells: keys, operators, policies, freezes, decisions of persons.

CREATE TABLE audit_entry (
  entry_id uuid NOT NULL DEFAULT payonce_uuid7(),
  -- Null: it concerns the whole installation.
  tenant_id uuid,
  action text NOT NULL CHECK (action ~ '^[a-z_]+(\.[a-z_]+)+$'),
  -- In words: an API key's id, an operator's, a user at the command line.
  actor text NOT NULL CHECK (actor <> ''),
  -- What it was done to.
  subject text,
  correlation_id text,
  detail jsonb NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (entry_id)
) PARTITION BY RANGE (entry_id);
CREATE TABLE audit_entry_default PARTITION OF audit_entry DEFAULT;

GRANT SELECT, INSERT ON audit_entry TO payonce_app;
