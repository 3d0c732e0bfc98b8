-- min_code_version: 1
-- The way of a policy document to rule.

-- `effect` and `differences` are against `base_version`, as the system judged them when it was drafted.
CREATE TABLE policy_change (
  change_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  -- Of who drafted it; the policy itself is the installation's.
  tenant_id uuid NOT NULL REFERENCES tenant,
  version text NOT NULL REFERENCES policy_version,
  base_version text REFERENCES policy_version,
  effect text NOT NULL CHECK (effect IN ('tightening', 'loosening', 'neutral')),
  tightens boolean NOT NULL,
  differences jsonb NOT NULL CHECK (jsonb_typeof(differences) = 'array'),
  reason text NOT NULL CHECK (reason <> ''),
  drafted_by uuid NOT NULL REFERENCES person,
  correlation_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- what steps change
  status text NOT NULL,
  proposed_by uuid REFERENCES person,
  confirmed_by uuid REFERENCES person,
  effective_at timestamptz,
  -- Null where the clock ended it.
  ended_by uuid REFERENCES person,
  end_reason text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CHECK (version IS DISTINCT FROM base_version),
  CHECK (effect <> 'tightening' OR tightens),
  CONSTRAINT policy_change_two_persons CHECK (proposed_by <> confirmed_by),
  CONSTRAINT policy_change_confirmed CHECK (status NOT IN ('SCHEDULED', 'EFFECTIVE', 'SUPERSEDED')
    OR (proposed_by IS NOT NULL AND confirmed_by IS NOT NULL AND effective_at IS NOT NULL)),
  CONSTRAINT policy_change_ended CHECK ((status IN ('VETOED', 'WITHDRAWN')) = (end_reason IS NOT NULL))
);
CREATE UNIQUE INDEX policy_change_ruling ON policy_change (status) WHERE status = 'EFFECTIVE';

-- The versions whose decisions may still be signed: the one that rules, and those before it that nothing which tightens
-- came after. While no document rules it is empty.
CREATE VIEW policy_standing AS
  SELECT version FROM policy_effective WHERE version IS NOT NULL
  UNION
  SELECT c.version FROM policy_change c
  WHERE c.status IN ('EFFECTIVE', 'SUPERSEDED') AND NOT EXISTS (
    SELECT FROM policy_change t
    WHERE t.status IN ('EFFECTIVE', 'SUPERSEDED') AND t.tightens AND t.effective_at > c.effective_at);

GRANT SELECT, INSERT (tenant_id, version, base_version, effect, tightens, differences, reason, drafted_by, correlation_id,
  status) ON policy_change TO payonce_app;
GRANT UPDATE (status, proposed_by, confirmed_by, effective_at, ended_by, end_reason, updated_at) ON policy_change TO payonce_app;
GRANT SELECT ON policy_standing TO payonce_app, payonce_signer;

-- policy_change
INSERT INTO state_initial (machine, state) VALUES
  ('policy_change', 'DRAFT');
INSERT INTO state_transition (machine, from_state, to_state) VALUES
  ('policy_change', 'DRAFT', 'PROPOSED'),
  ('policy_change', 'DRAFT', 'WITHDRAWN'),
  ('policy_change', 'PROPOSED', 'SCHEDULED'),
  ('policy_change', 'PROPOSED', 'EFFECTIVE'),
  ('policy_change', 'PROPOSED', 'VETOED'),
  ('policy_change', 'SCHEDULED', 'EFFECTIVE'),
  ('policy_change', 'SCHEDULED', 'VETOED'),
  ('policy_change', 'SCHEDULED', 'WITHDRAWN'),
  ('policy_change', 'EFFECTIVE', 'SUPERSEDED');
ALTER TABLE policy_change ADD CONSTRAINT policy_change_status CHECK (status IN ('DRAFT', 'PROPOSED', 'SCHEDULED', 'EFFECTIVE', 'SUPERSEDED', 'VETOED', 'WITHDRAWN'));

CREATE FUNCTION policy_change_insert_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad text;
BEGIN
  SELECT n.status INTO bad FROM new_rows n
    LEFT JOIN state_initial s ON s.machine = 'policy_change' AND s.state = n.status
    WHERE s.state IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'policy_change: % is not a state to start in', bad USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_change_initial';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER policy_change_insert AFTER INSERT ON policy_change REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION policy_change_insert_check();

CREATE FUNCTION policy_change_update_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad record;
BEGIN
  SELECT o.change_id AS id, o.status AS was, n.status AS wanted INTO bad
    FROM old_rows o
    LEFT JOIN new_rows n ON n.change_id = o.change_id
    LEFT JOIN state_transition s
      ON s.machine = 'policy_change' AND s.from_state = o.status AND s.to_state = n.status
    WHERE n.status IS NULL OR (n.status <> o.status AND s.machine IS NULL) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'policy_change %: % to % is not a move', bad.id, bad.was, coalesce(bad.wanted, 'another id')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_change_transition';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER policy_change_update AFTER UPDATE ON policy_change REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION policy_change_update_check();
