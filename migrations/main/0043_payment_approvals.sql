-- min_code_version: 1
-- Payments that persons are asked about before anything is reserved.

-- Whose payment it is about; null: a withdrawal's, as all were before.
ALTER TABLE approval_request ADD owner_kind text CHECK (owner_kind = 'payment');

-- The decision that denied a payment, or that persons were asked about. What nobody was asked about has its transaction's alone.
ALTER TABLE payment DROP CONSTRAINT payment_denied,
  ADD CONSTRAINT payment_decided CHECK (
    (decision_id IS NOT NULL OR status <> 'AUTH_REJECTED' OR coalesce(failure_code, '') <> 'policy_denied')
    AND (decision_id IS NULL OR status NOT IN ('REQUESTED', 'CHALLENGED', 'AUTH_SIGNED', 'DUPLICATE_REQUEST', 'VOIDED')));

CREATE FUNCTION payment_approved_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.decision_id IS DISTINCT FROM OLD.decision_id OR NOT EXISTS (
    SELECT FROM approval_request WHERE decision_id = OLD.decision_id AND owner_id = OLD.payment_id AND status = 'APPROVED') THEN
    RAISE EXCEPTION 'payment %: persons have not approved it', OLD.payment_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_approved_first';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER payment_approved_first AFTER UPDATE OF status ON payment FOR EACH ROW
  WHEN (OLD.decision_id IS NOT NULL AND NEW.status = 'RESERVED' AND OLD.status <> NEW.status) EXECUTE FUNCTION payment_approved_first();
