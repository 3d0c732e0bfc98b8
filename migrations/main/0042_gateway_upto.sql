-- min_code_version: 1
-- Prices of which a payer signs for the most, and is charged what its answer came to (x402's `upto`).

ALTER TABLE priced_endpoint DROP CONSTRAINT priced_endpoint_transfer_method_check,
  ADD CONSTRAINT priced_endpoint_transfer_method_check CHECK (transfer_method IN ('eip3009', 'permit2', 'upto')),
  DROP CONSTRAINT priced_endpoint_on_failure_check,
  ADD CONSTRAINT priced_endpoint_on_failure_check CHECK (on_failure IN ('refund', 'retry', 'keep', 'release')),
  -- The header of an answer that tells what was used; so many units of it cost the unit's price.
  ADD usage_header text CHECK (usage_header ~ '^[a-z0-9-]{1,64}$'),
  ADD unit_price numeric(78, 0) CHECK (unit_price > 0),
  ADD unit_size bigint CHECK (unit_size BETWEEN 1 AND 1000000000),
  ADD without_usage text CHECK (without_usage IN ('nothing', 'most')),
  ADD CONSTRAINT priced_endpoint_upto CHECK (num_nulls(usage_header, unit_price, unit_size, without_usage)
      = CASE transfer_method WHEN 'upto' THEN 0 ELSE 4 END
    AND (transfer_method = 'upto') = (on_failure = 'release'));

ALTER TABLE gateway_call
  -- What its payer signed for; null: its price was paid before it was forwarded.
  ADD most numeric(78, 0) CHECK (most > 0),
  -- Written once, with the answer.
  ADD charge numeric(78, 0),
  -- What is handed in to charge it; gone when the call has ended.
  ADD payment jsonb,
  ADD CONSTRAINT gateway_call_charge CHECK (CASE WHEN most IS NULL
    THEN charge IS NULL AND payment IS NULL AND status <> 'CHARGING'
    ELSE status NOT IN ('PAYING', 'PAID') AND (payment IS NOT NULL) = (status IN ('FORWARDING', 'CHARGING'))
      AND (charge IS NOT NULL) = (status IN ('CHARGING', 'SERVED', 'UNPAID')) AND (charge IS NULL OR charge BETWEEN 0 AND most) END),
  DROP CONSTRAINT gateway_call_paid,
  ADD CONSTRAINT gateway_call_paid CHECK (CASE WHEN most IS NULL
    THEN status IN ('PAYING', 'UNPAID') OR receipt IS NOT NULL ELSE (receipt IS NOT NULL) = (status = 'SERVED') END),
  DROP CONSTRAINT gateway_call_request,
  ADD CONSTRAINT gateway_call_request CHECK ((request IS NULL) = (request_body IS NULL)
    AND (request IS NULL) = (status IN ('CHARGING', 'SERVED', 'FAILED', 'UNPAID'))),
  DROP CONSTRAINT gateway_call_served,
  ADD CONSTRAINT gateway_call_served CHECK ((status IN ('CHARGING', 'SERVED')) = (answer_status IS NOT NULL)
    AND (answer_status IS NULL) = (kept_until IS NULL) AND (answer_body IS NULL) = (answer_headers IS NULL)
    AND (answer_body IS NULL OR answer_status IS NOT NULL) AND (status <> 'CHARGING' OR answer_body IS NOT NULL));
GRANT UPDATE (charge, payment) ON gateway_call TO payonce_app;

CREATE FUNCTION gateway_call_charged_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'gateway_call %: its charge is %, and stays so', OLD.call_id, OLD.charge
    USING ERRCODE = 'check_violation', CONSTRAINT = 'gateway_call_charged_once';
END $$;
CREATE TRIGGER gateway_call_charged_once BEFORE UPDATE OF charge ON gateway_call FOR EACH ROW
  WHEN (OLD.charge IS NOT NULL AND NEW.charge IS DISTINCT FROM OLD.charge) EXECUTE FUNCTION gateway_call_charged_once();

INSERT INTO state_initial (machine, state) VALUES ('gateway_call', 'FORWARDING');
INSERT INTO state_transition (machine, from_state, to_state) VALUES
  ('gateway_call', 'FORWARDING', 'CHARGING'),
  ('gateway_call', 'CHARGING', 'SERVED'),
  ('gateway_call', 'CHARGING', 'UNPAID');
ALTER TABLE gateway_call DROP CONSTRAINT gateway_call_status,
  ADD CONSTRAINT gateway_call_status CHECK (status IN ('PAYING', 'PAID', 'FORWARDING', 'CHARGING', 'SERVED', 'FAILED', 'UNPAID'));
