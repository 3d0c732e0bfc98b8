-- min_code_version: 1
-- Holds: gates that somebody else opens before a payment goes on. A hold is answered once, by the row that answers it.
CREATE TABLE policy_hold (
  hold_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  subject_id uuid NOT NULL,
  decision_id uuid NOT NULL,
  rule_id text NOT NULL,
  gate text NOT NULL CHECK (gate IN ('travel_rule', 'screening', 'manual_review')),
  expires_at timestamptz NOT NULL,
  correlation_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (decision_id, rule_id)
);
CREATE INDEX policy_hold_subject ON policy_hold (subject_id);
CREATE INDEX policy_hold_tenant ON policy_hold (tenant_id, hold_id);
CREATE TABLE policy_hold_answer (
  hold_id uuid PRIMARY KEY REFERENCES policy_hold,
  answer text NOT NULL CHECK (answer IN ('cleared', 'rejected', 'expired', 'cancelled')),
  -- The API key that said so; null: nobody did, in time or at all.
  answered_by text,
  reason text,
  answered_at timestamptz NOT NULL DEFAULT now(),
  CHECK (answered_by IS NOT NULL OR answer IN ('expired', 'cancelled'))
);
GRANT SELECT, INSERT ON policy_hold, policy_hold_answer TO payonce_app;
