-- min_code_version: 1
-- Payments to a wallet of the tenant's own: the money comes to the tenant, who owes it to the merchant.

-- The payee's lane, where it is one of the tenant's.
ALTER TABLE payment ADD lane_id int;

-- 'expected': what payers signed over to own wallets and has not arrived there. 'pending', owner the merchant's account:
-- the same owed to the merchant, until its payment is settled and it is available.
ALTER TABLE ledger_balance
  DROP CONSTRAINT ledger_balance_kind_check,
  ADD CONSTRAINT ledger_balance_kind_check CHECK (kind IN ('customer', 'receivable', 'custody', 'capital', 'hot', 'in_transit',
    'gas_in_transit', 'revenue', 'network_fee_expense', 'suspense', 'expected', 'pending')),
  DROP CONSTRAINT ledger_balance_check,
  ADD CONSTRAINT ledger_balance_check CHECK (normal_side = CASE WHEN kind IN ('customer', 'capital', 'revenue', 'pending')
    THEN 'credit' ELSE 'debit' END);
ALTER TABLE transfer
  DROP CONSTRAINT transfer_kind_check,
  ADD CONSTRAINT transfer_kind_check CHECK (kind IN ('DEPOSIT', 'FUND', 'RESERVE', 'ASSIGN', 'COMMIT', 'RELEASE', 'UNASSIGN',
    'REVERSE', 'GAS', 'ADJUST', 'EXPECT', 'EARN', 'UNEARN', 'LAPSE'));

-- What will arrive on a lane, of whom and how much: its arrival is no gift of a stranger's. `tx_hash` as soon as what
-- pays it is final, `lapsed_at` when it will not come, `transfer_id` once it is booked.
CREATE TABLE expected_arrival (
  owner_id uuid PRIMARY KEY,
  lane_id int NOT NULL REFERENCES lane,
  asset text NOT NULL,
  sender bytea NOT NULL CHECK (octet_length(sender) = 20),
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  tx_hash bytea CHECK (octet_length(tx_hash) = 32),
  lapsed_at timestamptz,
  transfer_id uuid,
  expected_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT expected_arrival_ends CHECK (lapsed_at IS NULL OR (tx_hash IS NULL AND transfer_id IS NULL)),
  CONSTRAINT expected_arrival_booked CHECK (transfer_id IS NULL OR tx_hash IS NOT NULL)
);
CREATE INDEX expected_arrival_open ON expected_arrival (lane_id, asset, sender, amount)
  WHERE transfer_id IS NULL AND lapsed_at IS NULL;

-- What a merchant has is that of an account of its name.
INSERT INTO account (tenant_id, name) SELECT tenant_id, 'merchant:' || name FROM merchant ON CONFLICT DO NOTHING;

GRANT SELECT, INSERT, UPDATE (tx_hash, lapsed_at, transfer_id) ON expected_arrival TO payonce_app;
