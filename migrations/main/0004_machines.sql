-- min_code_version: 1
-- Generated from src/base/kernel/machine.ts.

-- withdrawal
INSERT INTO state_initial (machine, state) VALUES
  ('withdrawal', 'REQUESTED'),
  ('withdrawal', 'RESERVED'),
  ('withdrawal', 'REJECTED');
INSERT INTO state_transition (machine, from_state, to_state) VALUES
  ('withdrawal', 'REQUESTED', 'RESERVED'),
  ('withdrawal', 'REQUESTED', 'REJECTED'),
  ('withdrawal', 'REQUESTED', 'CANCELLED'),
  ('withdrawal', 'REQUESTED', 'EXPIRED'),
  ('withdrawal', 'RESERVED', 'AWAITING_APPROVAL'),
  ('withdrawal', 'RESERVED', 'APPROVED'),
  ('withdrawal', 'RESERVED', 'REJECTED'),
  ('withdrawal', 'RESERVED', 'CANCELLED'),
  ('withdrawal', 'RESERVED', 'EXPIRED'),
  ('withdrawal', 'AWAITING_APPROVAL', 'APPROVED'),
  ('withdrawal', 'AWAITING_APPROVAL', 'REJECTED'),
  ('withdrawal', 'AWAITING_APPROVAL', 'CANCELLED'),
  ('withdrawal', 'AWAITING_APPROVAL', 'EXPIRED'),
  ('withdrawal', 'APPROVED', 'EXECUTING'),
  ('withdrawal', 'APPROVED', 'REJECTED'),
  ('withdrawal', 'APPROVED', 'CANCELLED'),
  ('withdrawal', 'APPROVED', 'EXPIRED'),
  ('withdrawal', 'EXECUTING', 'COMPLETED'),
  ('withdrawal', 'EXECUTING', 'CANCELLED'),
  ('withdrawal', 'EXECUTING', 'EXPIRED'),
  ('withdrawal', 'EXECUTING', 'FAILED'),
  ('withdrawal', 'COMPLETED', 'REVERSED'),
  ('withdrawal', 'REVERSED', 'RESETTLED'),
  ('withdrawal', 'REVERSED', 'FAILED'),
  ('withdrawal', 'RESETTLED', 'REVERSED');
ALTER TABLE withdrawal ADD CONSTRAINT withdrawal_status CHECK (status IN ('REQUESTED', 'RESERVED', 'AWAITING_APPROVAL', 'APPROVED', 'EXECUTING', 'COMPLETED', 'REVERSED', 'RESETTLED', 'REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED'));

CREATE FUNCTION withdrawal_insert_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad text;
BEGIN
  SELECT n.status INTO bad FROM new_rows n
    LEFT JOIN state_initial s ON s.machine = 'withdrawal' AND s.state = n.status
    WHERE s.state IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'withdrawal: % is not a state to start in', bad USING ERRCODE = 'check_violation', CONSTRAINT = 'withdrawal_initial';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER withdrawal_insert AFTER INSERT ON withdrawal REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION withdrawal_insert_check();

CREATE FUNCTION withdrawal_update_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad record;
BEGIN
  SELECT o.withdrawal_id AS id, o.status AS was, n.status AS wanted INTO bad
    FROM old_rows o
    LEFT JOIN new_rows n ON n.withdrawal_id = o.withdrawal_id
    LEFT JOIN state_transition s
      ON s.machine = 'withdrawal' AND s.from_state = o.status AND s.to_state = n.status
    WHERE n.status IS NULL OR (n.status <> o.status AND s.machine IS NULL) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'withdrawal %: % to % is not a move', bad.id, bad.was, coalesce(bad.wanted, 'another id')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'withdrawal_transition';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER withdrawal_update AFTER UPDATE ON withdrawal REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION withdrawal_update_check();

-- tx
INSERT INTO state_initial (machine, state) VALUES
  ('tx', 'CREATED');
INSERT INTO state_transition (machine, from_state, to_state) VALUES
  ('tx', 'CREATED', 'SLOTTED'),
  ('tx', 'CREATED', 'CANCELLED'),
  ('tx', 'SLOTTED', 'SIGNED'),
  ('tx', 'SIGNED', 'BROADCASTED'),
  ('tx', 'SIGNED', 'INCLUDED'),
  ('tx', 'SIGNED', 'REPLACED'),
  ('tx', 'BROADCASTED', 'INCLUDED'),
  ('tx', 'BROADCASTED', 'REPLACED'),
  ('tx', 'INCLUDED', 'FINAL'),
  ('tx', 'INCLUDED', 'REVERTED'),
  ('tx', 'INCLUDED', 'REPLACED'),
  ('tx', 'INCLUDED', 'CANCELLED'),
  ('tx', 'FINAL', 'REVERTED'),
  ('tx', 'FINAL', 'REPLACED'),
  ('tx', 'FINAL', 'CANCELLED'),
  ('tx', 'REVERTED', 'FINAL'),
  ('tx', 'REVERTED', 'REPLACED'),
  ('tx', 'REVERTED', 'CANCELLED'),
  ('tx', 'REPLACED', 'FINAL'),
  ('tx', 'REPLACED', 'REVERTED'),
  ('tx', 'REPLACED', 'CANCELLED'),
  ('tx', 'CANCELLED', 'FINAL'),
  ('tx', 'CANCELLED', 'REVERTED'),
  ('tx', 'CANCELLED', 'REPLACED');
ALTER TABLE tx ADD CONSTRAINT tx_status CHECK (status IN ('CREATED', 'SLOTTED', 'SIGNED', 'BROADCASTED', 'INCLUDED', 'FINAL', 'REVERTED', 'REPLACED', 'CANCELLED'));

CREATE FUNCTION tx_insert_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad text;
BEGIN
  SELECT n.status INTO bad FROM new_rows n
    LEFT JOIN state_initial s ON s.machine = 'tx' AND s.state = n.status
    WHERE s.state IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'tx: % is not a state to start in', bad USING ERRCODE = 'check_violation', CONSTRAINT = 'tx_initial';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER tx_insert AFTER INSERT ON tx REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION tx_insert_check();

CREATE FUNCTION tx_update_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad record;
BEGIN
  SELECT o.tx_id AS id, o.status AS was, n.status AS wanted INTO bad
    FROM old_rows o
    LEFT JOIN new_rows n ON n.tx_id = o.tx_id
    LEFT JOIN state_transition s
      ON s.machine = 'tx' AND s.from_state = o.status AND s.to_state = n.status
    WHERE n.status IS NULL OR (n.status <> o.status AND s.machine IS NULL) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'tx %: % to % is not a move', bad.id, bad.was, coalesce(bad.wanted, 'another id')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'tx_transition';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER tx_update AFTER UPDATE ON tx REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION tx_update_check();
