-- min_code_version: 1
-- The decision that denied a payment; what was reserved has its transaction's.
ALTER TABLE payment ADD decision_id uuid,
  ADD CONSTRAINT payment_denied CHECK ((decision_id IS NOT NULL) = (status = 'AUTH_REJECTED' AND coalesce(failure_code, '') = 'policy_denied'));
GRANT UPDATE (decision_id) ON payment TO payonce_app;
