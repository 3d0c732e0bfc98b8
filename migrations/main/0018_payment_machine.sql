-- min_code_version: 1
-- Generated from src/base/kernel/machine.ts.

-- payment
INSERT INTO state_initial (machine, state) VALUES
  ('payment', 'REQUESTED'),
  ('payment', 'AUTH_SIGNED');
INSERT INTO state_transition (machine, from_state, to_state) VALUES
  ('payment', 'REQUESTED', 'CHALLENGED'),
  ('payment', 'REQUESTED', 'EXPIRED'),
  ('payment', 'CHALLENGED', 'AUTH_SIGNED'),
  ('payment', 'CHALLENGED', 'EXPIRED'),
  ('payment', 'AUTH_SIGNED', 'AUTH_VERIFIED'),
  ('payment', 'AUTH_SIGNED', 'AUTH_REJECTED'),
  ('payment', 'AUTH_SIGNED', 'DUPLICATE_REQUEST'),
  ('payment', 'AUTH_VERIFIED', 'RESERVED'),
  ('payment', 'AUTH_VERIFIED', 'AUTH_REJECTED'),
  ('payment', 'AUTH_VERIFIED', 'EXPIRED'),
  ('payment', 'RESERVED', 'BROADCASTED'),
  ('payment', 'RESERVED', 'CHAIN_FAILED'),
  ('payment', 'RESERVED', 'EXPIRED'),
  ('payment', 'BROADCASTED', 'INCLUDED'),
  ('payment', 'BROADCASTED', 'CHAIN_FAILED'),
  ('payment', 'BROADCASTED', 'EXPIRED'),
  ('payment', 'INCLUDED', 'FINALIZED'),
  ('payment', 'INCLUDED', 'LEDGER_COMMITTED'),
  ('payment', 'INCLUDED', 'CHAIN_FAILED'),
  ('payment', 'INCLUDED', 'EXPIRED'),
  ('payment', 'FINALIZED', 'LEDGER_COMMITTED'),
  ('payment', 'LEDGER_COMMITTED', 'SETTLED'),
  ('payment', 'SETTLED', 'REFUND_PENDING'),
  ('payment', 'SETTLED', 'REVERSED'),
  ('payment', 'REVERSED', 'RESETTLED'),
  ('payment', 'REVERSED', 'CHAIN_FAILED'),
  ('payment', 'REVERSED', 'EXPIRED'),
  ('payment', 'RESETTLED', 'REFUND_PENDING'),
  ('payment', 'RESETTLED', 'REVERSED'),
  ('payment', 'REFUND_PENDING', 'REFUNDED');
ALTER TABLE payment ADD CONSTRAINT payment_status CHECK (status IN ('REQUESTED', 'CHALLENGED', 'AUTH_SIGNED', 'AUTH_VERIFIED', 'RESERVED', 'BROADCASTED', 'INCLUDED', 'FINALIZED', 'LEDGER_COMMITTED', 'SETTLED', 'REVERSED', 'RESETTLED', 'REFUND_PENDING', 'REFUNDED', 'AUTH_REJECTED', 'DUPLICATE_REQUEST', 'CHAIN_FAILED', 'EXPIRED'));

CREATE FUNCTION payment_insert_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad text;
BEGIN
  SELECT n.status INTO bad FROM new_rows n
    LEFT JOIN state_initial s ON s.machine = 'payment' AND s.state = n.status
    WHERE s.state IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'payment: % is not a state to start in', bad USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_initial';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER payment_insert AFTER INSERT ON payment REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION payment_insert_check();

CREATE FUNCTION payment_update_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad record;
BEGIN
  SELECT o.payment_id AS id, o.status AS was, n.status AS wanted INTO bad
    FROM old_rows o
    LEFT JOIN new_rows n ON n.payment_id = o.payment_id
    LEFT JOIN state_transition s
      ON s.machine = 'payment' AND s.from_state = o.status AND s.to_state = n.status
    WHERE n.status IS NULL OR (n.status <> o.status AND s.machine IS NULL) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'payment %: % to % is not a move', bad.id, bad.was, coalesce(bad.wanted, 'another id')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_transition';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER payment_update AFTER UPDATE ON payment REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION payment_update_check();
