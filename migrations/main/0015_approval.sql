-- min_code_version: 1
-- Approvals: what approvers were asked, what they signed, and what it was used for.

-- Who asked for the payment: the one person who may not approve it. Null: from before it was kept.
ALTER TABLE withdrawal ADD COLUMN initiated_by uuid;

-- One payment that persons are asked about. Everything up to the expiry is what they sign; it never changes.
CREATE TABLE approval_request (
  request_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  -- A decision is used once, so it is asked about once.
  decision_id uuid NOT NULL UNIQUE,
  -- A list; each of it must be met.
  requirements jsonb NOT NULL,
  wallet_group text NOT NULL,
  chain_id bigint NOT NULL,
  asset text NOT NULL,
  recipient bytea NOT NULL CHECK (octet_length(recipient) = 20),
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  -- Wei.
  fee_cap numeric(78, 0) NOT NULL CHECK (fee_cap > 0),
  intent_id bytea NOT NULL CHECK (octet_length(intent_id) = 32),
  policy_version text NOT NULL,
  initiator text NOT NULL,
  -- Seconds since the epoch, as they are signed.
  expiry bigint NOT NULL CHECK (expiry > 0),
  correlation_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  status text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX approval_request_pending ON approval_request (owner_id) WHERE status = 'PENDING';
CREATE INDEX approval_request_owner ON approval_request (owner_id);
CREATE INDEX approval_request_tenant ON approval_request (tenant_id, request_id);

-- One approver's signature over one request's digest; of a passkey with what it signed around the digest.
CREATE TABLE approval (
  approval_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  request_id uuid NOT NULL REFERENCES approval_request,
  approver_id text NOT NULL,
  signature bytea NOT NULL CHECK (octet_length(signature) BETWEEN 1 AND 512),
  authenticator_data bytea CHECK (octet_length(authenticator_data) BETWEEN 37 AND 4096),
  client_data bytea CHECK (octet_length(client_data) BETWEEN 2 AND 4096),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (request_id, approver_id),
  CONSTRAINT approval_passkey CHECK ((authenticator_data IS NULL) = (client_data IS NULL))
);

-- Why a request was rejected, and by whom.
CREATE TABLE approval_rejection (
  request_id uuid PRIMARY KEY REFERENCES approval_request,
  rejected_by text NOT NULL,
  reason text NOT NULL CHECK (reason <> ''),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Inserting the row is the permission to open the transaction that it names.
CREATE TABLE approval_consumed (
  approval_id uuid PRIMARY KEY REFERENCES approval,
  tx_id uuid NOT NULL
);

GRANT SELECT, INSERT ON approval_request, approval, approval_rejection, approval_consumed TO payonce_app;
GRANT UPDATE (status, updated_at) ON approval_request TO payonce_app;
GRANT SELECT ON approval_request, approval, approval_consumed TO payonce_signer;

-- approval
INSERT INTO state_initial (machine, state) VALUES
  ('approval', 'PENDING');
INSERT INTO state_transition (machine, from_state, to_state) VALUES
  ('approval', 'PENDING', 'APPROVED'),
  ('approval', 'PENDING', 'REJECTED'),
  ('approval', 'PENDING', 'EXPIRED'),
  ('approval', 'PENDING', 'CANCELLED');
ALTER TABLE approval_request ADD CONSTRAINT approval_request_status CHECK (status IN ('PENDING', 'APPROVED', 'REJECTED', 'EXPIRED', 'CANCELLED'));

CREATE FUNCTION approval_insert_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad text;
BEGIN
  SELECT n.status INTO bad FROM new_rows n
    LEFT JOIN state_initial s ON s.machine = 'approval' AND s.state = n.status
    WHERE s.state IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'approval: % is not a state to start in', bad USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_initial';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER approval_insert AFTER INSERT ON approval_request REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION approval_insert_check();

CREATE FUNCTION approval_update_check() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
  bad record;
BEGIN
  SELECT o.request_id AS id, o.status AS was, n.status AS wanted INTO bad
    FROM old_rows o
    LEFT JOIN new_rows n ON n.request_id = o.request_id
    LEFT JOIN state_transition s
      ON s.machine = 'approval' AND s.from_state = o.status AND s.to_state = n.status
    WHERE n.status IS NULL OR (n.status <> o.status AND s.machine IS NULL) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'approval %: % to % is not a move', bad.id, bad.was, coalesce(bad.wanted, 'another id')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_transition';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER approval_update AFTER UPDATE ON approval_request REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION approval_update_check();
