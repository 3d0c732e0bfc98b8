-- min_code_version: 1
-- Refunds of payments, and what one road asks the withdrawals' road to pay out.

-- Single by its id: the withdrawal's key is made of it. `outcome` when that withdrawal has ended for good.
CREATE TABLE payout_order (
  order_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  owner_kind text NOT NULL CHECK (owner_kind IN ('refund')),
  account text NOT NULL,
  asset text NOT NULL,
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  recipient bytea NOT NULL CHECK (octet_length(recipient) = 20),
  metadata jsonb NOT NULL,
  correlation_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  withdrawal_id uuid UNIQUE,
  outcome text CHECK (outcome IN ('paid', 'unpaid')),
  failure_code text,
  CONSTRAINT payout_order_paid CHECK (outcome IS DISTINCT FROM 'paid' OR withdrawal_id IS NOT NULL),
  CONSTRAINT payout_order_failure CHECK ((failure_code IS NOT NULL) = (outcome IS NOT DISTINCT FROM 'unpaid'))
);

-- What is on its way back to the payer and what has gone back: never more than was paid.
ALTER TABLE payment ADD refunded numeric(78, 0) NOT NULL DEFAULT 0,
  ADD CONSTRAINT payment_refunded CHECK (refunded BETWEEN 0 AND amount),
  ADD CONSTRAINT payment_refund_of_settled CHECK (refunded = 0 OR status IN ('REFUND_PENDING', 'REFUNDED'));

CREATE TABLE refund (
  refund_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  payment_id uuid NOT NULL REFERENCES payment,
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  reason text NOT NULL CHECK (octet_length(reason) BETWEEN 1 AND 1020),
  idempotency_key text NOT NULL,
  correlation_id text NOT NULL,
  status text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'PAID', 'FAILED')),
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  CONSTRAINT refund_ended CHECK ((ended_at IS NULL) = (status = 'PENDING'))
);
CREATE INDEX refund_payment ON refund (payment_id, refund_id);

-- Another part may go back after the first.
INSERT INTO state_transition (machine, from_state, to_state) VALUES ('payment', 'REFUNDED', 'REFUND_PENDING');

GRANT SELECT, INSERT, UPDATE (withdrawal_id, outcome, failure_code) ON payout_order TO payonce_app;
GRANT SELECT, INSERT, UPDATE (status, ended_at) ON refund TO payonce_app;
GRANT UPDATE (refunded) ON payment TO payonce_app;
