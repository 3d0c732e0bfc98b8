-- min_code_version: 1
-- The gateway: prices on paths of merchants' APIs, challenges, and requests that were paid for.

-- Never changed: another one takes its place, so that what was offered stays what it was.
CREATE TABLE priced_endpoint (
  endpoint_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL REFERENCES tenant,
  merchant_id uuid NOT NULL REFERENCES merchant,
  method text NOT NULL CHECK (method IN ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
  path text NOT NULL CHECK (path ~ '^/' AND octet_length(path) <= 512),
  asset text NOT NULL,
  price numeric(78, 0) NOT NULL CHECK (price > 0),
  pay_to bytea NOT NULL CHECK (octet_length(pay_to) = 20),
  upstream text NOT NULL CHECK (upstream ~ '^https?://' AND octet_length(upstream) <= 2048),
  on_failure text NOT NULL CHECK (on_failure IN ('refund', 'retry', 'keep')),
  timeout_ms int NOT NULL CHECK (timeout_ms BETWEEN 100 AND 120000),
  max_response_bytes int NOT NULL CHECK (max_response_bytes BETWEEN 0 AND 16777216),
  description text,
  created_at timestamptz NOT NULL DEFAULT now(),
  removed_at timestamptz
);
CREATE UNIQUE INDEX priced_endpoint_path ON priced_endpoint (merchant_id, method, path) WHERE removed_at IS NULL;
CREATE INDEX priced_endpoint_tenant ON priced_endpoint (tenant_id, merchant_id);

-- What was asked for a request that did not pay. Whoever asks makes one, so those that ran out unpaid are dropped.
CREATE TABLE challenge (
  challenge_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  endpoint_id uuid NOT NULL,
  request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
  expires_at timestamptz NOT NULL
);
CREATE INDEX challenge_expires ON challenge (expires_at);

-- A request that somebody signed a payment for: one for each challenge, authorization and payment, for ever.
CREATE TABLE gateway_call (
  call_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  endpoint_id uuid NOT NULL REFERENCES priced_endpoint,
  request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
  authorization_id bytea NOT NULL UNIQUE CHECK (octet_length(authorization_id) = 32),
  payment_id uuid NOT NULL UNIQUE,
  correlation_id text NOT NULL,
  status text NOT NULL,
  receipt jsonb,
  forwarding_until timestamptz,
  answer_status int,
  answer_headers jsonb,
  answer_body bytea,
  failure_code text,
  refund_id uuid,
  refund_refused text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT gateway_call_paid CHECK (status IN ('PAYING', 'UNPAID') OR receipt IS NOT NULL),
  CONSTRAINT gateway_call_served CHECK ((status = 'SERVED') = (answer_body IS NOT NULL)
    AND (answer_body IS NULL OR (answer_status IS NOT NULL AND answer_headers IS NOT NULL))),
  CONSTRAINT gateway_call_failure CHECK (status NOT IN ('FAILED', 'UNPAID') OR failure_code IS NOT NULL),
  CONSTRAINT gateway_call_refund CHECK (status = 'FAILED' OR (refund_id IS NULL AND refund_refused IS NULL))
);

GRANT SELECT, INSERT, UPDATE (removed_at) ON priced_endpoint TO payonce_app;
GRANT SELECT, INSERT, DELETE ON challenge TO payonce_app;
GRANT SELECT, INSERT, UPDATE (status, updated_at, receipt, forwarding_until, answer_status, answer_headers, answer_body,
  failure_code, refund_id, refund_refused) ON gateway_call TO payonce_app;

-- Generated from src/base/kernel/machine.ts.

-- gateway_call
INSERT INTO state_initial (machine, state) VALUES
  ('gateway_call', 'PAYING');
INSERT INTO state_transition (machine, from_state, to_state) VALUES
  ('gateway_call', 'PAYING', 'PAID'),
  ('gateway_call', 'PAYING', 'UNPAID'),
  ('gateway_call', 'PAID', 'FORWARDING'),
  ('gateway_call', 'FORWARDING', 'SERVED'),
  ('gateway_call', 'FORWARDING', 'PAID'),
  ('gateway_call', 'FORWARDING', 'FAILED');
ALTER TABLE gateway_call ADD CONSTRAINT gateway_call_status CHECK (status IN ('PAYING', 'PAID', 'FORWARDING', 'SERVED', 'FAILED', 'UNPAID'));

CREATE FUNCTION gateway_call_insert_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad text;
BEGIN
  SELECT n.status INTO bad FROM new_rows n
    LEFT JOIN state_initial s ON s.machine = 'gateway_call' AND s.state = n.status
    WHERE s.state IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'gateway_call: % is not a state to start in', bad USING ERRCODE = 'check_violation', CONSTRAINT = 'gateway_call_initial';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER gateway_call_insert AFTER INSERT ON gateway_call REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION gateway_call_insert_check();

CREATE FUNCTION gateway_call_update_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad record;
BEGIN
  SELECT o.call_id AS id, o.status AS was, n.status AS wanted INTO bad
    FROM old_rows o
    LEFT JOIN new_rows n ON n.call_id = o.call_id
    LEFT JOIN state_transition s
      ON s.machine = 'gateway_call' AND s.from_state = o.status AND s.to_state = n.status
    WHERE n.status IS NULL OR (n.status <> o.status AND s.machine IS NULL) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'gateway_call %: % to % is not a move', bad.id, bad.was, coalesce(bad.wanted, 'another id')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'gateway_call_transition';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER gateway_call_update AFTER UPDATE ON gateway_call REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION gateway_call_update_check();
