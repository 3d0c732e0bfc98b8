-- min_code_version: 1
-- What waits for two persons: breaks between books and chain, and halted chains.

-- The first one's word, until a second says the same. Another content takes its place.
CREATE TABLE proposal (
  subject text PRIMARY KEY,
  content text NOT NULL,
  proposed_by uuid NOT NULL REFERENCES api_key,
  proposed_at timestamptz NOT NULL DEFAULT now()
);

-- The order to go on with a halted chain; the chain's tracker carries it out.
CREATE TABLE chain_resume (
  resume_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  chain_id bigint NOT NULL REFERENCES chain_head,
  halted_reason text NOT NULL,
  evidence text NOT NULL,
  proposed_by uuid NOT NULL REFERENCES api_key,
  confirmed_by uuid NOT NULL REFERENCES api_key,
  ordered_at timestamptz NOT NULL DEFAULT now(),
  done_at timestamptz,
  -- The highest block that both chains have, and how many inclusions stood above it.
  fork bigint,
  orphans int,
  -- Why it was not carried out.
  refusal text,
  CONSTRAINT chain_resume_two_persons CHECK (proposed_by <> confirmed_by),
  CHECK ((done_at IS NULL) = (fork IS NULL AND refusal IS NULL))
);
CREATE UNIQUE INDEX chain_resume_open ON chain_resume (chain_id) WHERE done_at IS NULL;

-- Something that the chain shows and the books can not explain by themselves; opened again when it is seen again.
CREATE TABLE reconciliation_break (
  break_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL REFERENCES tenant,
  kind text NOT NULL CHECK (kind IN ('effect_mismatch', 'paid_after_release', 'final_taken_back')),
  chain_id bigint NOT NULL,
  lane_id int NOT NULL REFERENCES lane,
  -- The tx, or the lane's id as jobs have it.
  subject_id uuid NOT NULL,
  owner_kind text,
  owner_id uuid,
  correlation_id text,
  detail jsonb NOT NULL,
  opened_at timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz,
  UNIQUE (kind, subject_id)
);
CREATE INDEX reconciliation_break_tenant ON reconciliation_break (tenant_id, break_id);
CREATE INDEX reconciliation_break_owner ON reconciliation_break (owner_id) WHERE owner_id IS NOT NULL;

-- What two persons decided about a break, with their evidence. Append-only.
CREATE TABLE break_action (
  action_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  break_id uuid NOT NULL REFERENCES reconciliation_break,
  action text NOT NULL CHECK (action IN ('commit', 'release', 'reverse', 'adjust')),
  evidence text NOT NULL,
  adjustments jsonb NOT NULL,
  transfer_ids uuid[] NOT NULL,
  proposed_by uuid NOT NULL REFERENCES api_key,
  confirmed_by uuid NOT NULL REFERENCES api_key,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT break_action_two_persons CHECK (proposed_by <> confirmed_by)
);
CREATE INDEX break_action_break ON break_action (break_id, action_id);

GRANT SELECT, INSERT, DELETE ON proposal TO payonce_app;
GRANT UPDATE (content, proposed_by, proposed_at) ON proposal TO payonce_app;
GRANT SELECT, INSERT ON chain_resume, reconciliation_break, break_action TO payonce_app;
GRANT UPDATE (done_at, fork, orphans, refusal) ON chain_resume TO payonce_app;
GRANT UPDATE (detail, opened_at, resolved_at) ON reconciliation_break TO payonce_app;
