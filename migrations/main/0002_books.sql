-- min_code_version: 1
-- What is true: access, ledger, policy decisions, transactions on chain.

---------------------------------------------------------------------------------------- access
CREATE TABLE tenant (
  tenant_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_key (
  key_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL REFERENCES tenant,
  name text NOT NULL,
  scopes text[] NOT NULL,
  -- From where it may be used; empty: from anywhere.
  allowed_networks cidr[] NOT NULL DEFAULT '{}',
  -- Raw Ed25519, of who signs its requests.
  public_key bytea CHECK (octet_length(public_key) = 32),
  require_signature boolean NOT NULL DEFAULT false,
  -- Null: what the configuration says of every key.
  requests_per_second int CHECK (requests_per_second > 0),
  burst int CHECK (burst > 0),
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT api_key_signature CHECK (public_key IS NOT NULL OR NOT require_signature),
  CONSTRAINT api_key_rate CHECK ((requests_per_second IS NULL) = (burst IS NULL))
);
CREATE INDEX api_key_tenant ON api_key (tenant_id, key_id);

-- Keys are single for ever: 16 bytes of SHA-256 over (tenant, operation, key). Inserting the row is
-- the permission to insert what it names, in the same transaction.
CREATE TABLE idempotency_key (
  key_hash uuid PRIMARY KEY,
  resource_id uuid NOT NULL,
  content_hash uuid NOT NULL
);

---------------------------------------------------------------------------------------- ledger
CREATE TABLE account (
  tenant_id uuid NOT NULL REFERENCES tenant,
  name text NOT NULL CHECK (name ~ '^[A-Za-z0-9._:-]{1,128}$'),
  blocked_reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, name)
);

-- Balances stand on their account's normal side and are never negative. A customer has one row per asset with
-- two accounts: available under the row's number, reserved under the next one, since each reserve moves
-- from one to the other. 'hot' and 'gas_in_transit': owner is the lane's id; 'customer' and
-- 'receivable': the customer's name; the tenant's own accounts have owner ''.
CREATE SEQUENCE ledger_account_no START 2 INCREMENT 2;
CREATE TABLE ledger_balance (
  account_no bigint PRIMARY KEY DEFAULT nextval('ledger_account_no') CHECK (account_no % 2 = 0),
  tenant_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('customer', 'receivable', 'custody', 'capital', 'hot', 'in_transit',
    'gas_in_transit', 'revenue', 'network_fee_expense', 'suspense')),
  owner text NOT NULL DEFAULT '',
  asset text NOT NULL,
  -- Held by a check and not generated: a stored generated column doubled the cost of each balance's update.
  normal_side text NOT NULL CHECK (normal_side = CASE WHEN kind IN ('customer', 'capital', 'revenue')
    THEN 'credit' ELSE 'debit' END),
  balance numeric(78, 0) NOT NULL DEFAULT 0 CHECK (balance >= 0),
  reserved numeric(78, 0) NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, kind, owner, asset),
  CONSTRAINT ledger_balance_reserved_of_customer CHECK (kind = 'customer' OR reserved = 0)
) WITH (fillfactor = 40);
CREATE VIEW ledger_account AS
  SELECT account_no, tenant_id, CASE kind WHEN 'customer' THEN 'available' ELSE kind END AS kind, owner, asset,
    normal_side, balance, created_at FROM ledger_balance
  UNION ALL
  SELECT account_no + 1, tenant_id, 'reserved', owner, asset, normal_side, reserved, created_at
  FROM ledger_balance WHERE kind = 'customer';

-- A ledger movement with its postings: posting n moves amounts[n] from credit_nos[n] to debit_nos[n], so it
-- balances by construction.
CREATE TABLE transfer (
  transfer_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('DEPOSIT', 'FUND', 'RESERVE', 'ASSIGN', 'COMMIT', 'RELEASE', 'UNASSIGN',
    'REVERSE', 'GAS', 'ADJUST')),
  account text,
  subject_id uuid,
  generation int NOT NULL DEFAULT 0,
  correlation_id text,
  debit_nos bigint[] NOT NULL,
  credit_nos bigint[] NOT NULL,
  amounts numeric[] NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (transfer_id),
  CONSTRAINT transfer_postings CHECK (cardinality(amounts) BETWEEN 1 AND 4
    AND cardinality(debit_nos) = cardinality(amounts) AND cardinality(credit_nos) = cardinality(amounts)
    AND array_position(debit_nos, NULL) IS NULL AND array_position(credit_nos, NULL) IS NULL),
  CONSTRAINT transfer_amounts CHECK (array_position(amounts, NULL) IS NULL AND 0 < ALL (amounts)),
  CONSTRAINT transfer_two_accounts CHECK (debit_nos[1] <> credit_nos[1] AND (debit_nos[2] <> credit_nos[2]) IS NOT FALSE
    AND (debit_nos[3] <> credit_nos[3]) IS NOT FALSE AND (debit_nos[4] <> credit_nos[4]) IS NOT FALSE)
) PARTITION BY RANGE (transfer_id);
CREATE INDEX transfer_account ON transfer (tenant_id, account, transfer_id) WHERE account IS NOT NULL;
CREATE TABLE transfer_default PARTITION OF transfer DEFAULT;
CREATE VIEW posting AS
  SELECT t.transfer_id, (p.n - 1)::smallint AS ordinal, p.debit_no, p.credit_no, p.amount
  FROM transfer t, unnest(t.debit_nos, t.credit_nos, t.amounts) WITH ORDINALITY AS p(debit_no, credit_no, amount, n);

-- A reserve of a generation is made once and resolved once, for ever. A resolution is inserted by a join with
-- its reserve; as a foreign key it would be looked up and locked once more per row.
CREATE TABLE reserve (
  withdrawal_id uuid NOT NULL,
  generation int NOT NULL,
  transfer_id uuid NOT NULL,
  PRIMARY KEY (withdrawal_id, generation)
);
CREATE TABLE reserve_resolution (
  withdrawal_id uuid NOT NULL,
  generation int NOT NULL,
  resolution text NOT NULL CHECK (resolution IN ('COMMIT', 'RELEASE')),
  transfer_id uuid NOT NULL,
  PRIMARY KEY (withdrawal_id, generation)
);
CREATE TABLE deposit_reference (
  reference_hash uuid PRIMARY KEY,
  deposit_id uuid NOT NULL,
  content_hash uuid NOT NULL
);

---------------------------------------------------------------------------------------- policy
CREATE TABLE decision (
  decision_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  subject_id uuid NOT NULL,
  policy_version text NOT NULL,
  verdict text NOT NULL CHECK (verdict IN ('allow', 'deny')),
  tier text,
  commit_at text CHECK (commit_at IN ('safe', 'finalized')),
  trace jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE decision_consumed (
  decision_id uuid PRIMARY KEY,
  tx_id uuid NOT NULL UNIQUE
);

-------------------------------------------------------------------------------------------- tx
-- A lane: (chain, from), the allocator of nonces of one hot wallet of one tenant.
CREATE TABLE lane (
  lane_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES tenant,
  chain_id bigint NOT NULL,
  address bytea NOT NULL CHECK (octet_length(address) = 20),
  first_nonce bigint NOT NULL,
  next_nonce bigint NOT NULL CHECK (next_nonce >= first_nonce),
  epoch bigint NOT NULL DEFAULT 0,
  lease_owner text,
  lease_until timestamptz,
  paused_reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (chain_id, address)
) WITH (fillfactor = 50);
-- The tracker's word on a lane: nonces below mined_nonce are consumed on the canonical chain.
CREATE TABLE lane_progress (
  lane_id int PRIMARY KEY REFERENCES lane,
  mined_nonce bigint NOT NULL,
  -- Nonces below were consumed by inclusions of ours that are final, as far as any were seen.
  final_nonce bigint NOT NULL DEFAULT 0,
  at_block bigint NOT NULL DEFAULT 0,
  -- When mined_nonce last changed: since then the lane's lowest open nonce has waited at the front.
  moved_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Rows that steps change are written and changed by whole batches, page by page: less than half of a page is
-- filled, or the second half of its rows would find no room for a version beside them (not HOT).
-- One on-chain effect wanted by an owner. The intent's raw fields are here and immutable; the signer
-- reads them and recomputes intent_id itself.
CREATE TABLE tx (
  tx_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL,
  owner_kind text NOT NULL,
  owner_id uuid NOT NULL,
  intent_id bytea NOT NULL UNIQUE CHECK (octet_length(intent_id) = 32),
  operation text NOT NULL,
  idempotency_key text NOT NULL,
  chain_id bigint NOT NULL,
  asset text NOT NULL,
  token bytea CHECK (octet_length(token) = 20),
  recipient bytea NOT NULL CHECK (octet_length(recipient) = 20),
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  decision_id uuid,
  settle_at text NOT NULL CHECK (settle_at IN ('safe', 'finalized')),
  expires_at timestamptz,
  status text NOT NULL,
  waiting text,
  -- In somebody else's words; of the present reason only.
  waiting_detail text,
  furthest_level text NOT NULL DEFAULT 'none' CHECK (furthest_level IN ('none', 'included', 'safe', 'finalized')),
  reorgs int NOT NULL DEFAULT 0,
  failure_code text,
  failure_message text,
  correlation_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 45);
CREATE INDEX tx_owner ON tx (owner_id);

-- One nonce of a lane, for one tx, for ever. The two possible effects are fixed here. From here on a row
-- refers to rows that the same statement reads or writes; a foreign key would look each of them up
-- once more, a dozen per withdrawal.
CREATE TABLE nonce_slot (
  lane_id int NOT NULL,
  nonce bigint NOT NULL CHECK (nonce >= 0),
  chain_id bigint NOT NULL,
  from_address bytea NOT NULL CHECK (octet_length(from_address) = 20),
  tx_id uuid NOT NULL UNIQUE,
  effect_digest bytea NOT NULL CHECK (octet_length(effect_digest) = 32),
  gas_reserved numeric(78, 0) NOT NULL CHECK (gas_reserved > 0),
  fill_reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (lane_id, nonce),
  UNIQUE (chain_id, from_address, nonce)
) WITH (fillfactor = 80);

-- The order to the signer; single use. A claimed request counts as signed for ever.
CREATE TABLE signature_request (
  signature_request_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  lane_id int NOT NULL,
  nonce bigint NOT NULL,
  ordinal int NOT NULL,
  tx_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('effect', 'filler')),
  -- EIP-2718: 2 is EIP-1559's; 0, legacy, has one price for gas, which is both fees.
  tx_type smallint NOT NULL DEFAULT 2 CHECK (tx_type IN (0, 2)),
  gas_limit numeric(78, 0) NOT NULL CHECK (gas_limit > 0),
  max_fee_per_gas numeric(78, 0) NOT NULL CHECK (max_fee_per_gas > 0),
  max_priority_fee_per_gas numeric(78, 0) NOT NULL CHECK (max_priority_fee_per_gas >= 0),
  lane_epoch bigint NOT NULL,
  claimed_by text,
  claimed_at timestamptz,
  cancelled_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (lane_id, nonce, ordinal),
  CHECK (claimed_at IS NULL OR cancelled_at IS NULL),
  CHECK (max_priority_fee_per_gas <= max_fee_per_gas),
  CHECK (tx_type = 2 OR max_priority_fee_per_gas = max_fee_per_gas)
) WITH (fillfactor = 45);
CREATE INDEX signature_request_open ON signature_request (signature_request_id)
  WHERE claimed_at IS NULL AND cancelled_at IS NULL;

-- What the signer gave: signed bytes, or a refusal with its code. Whoever collects joins it to its request; as
-- a foreign key each insert would lock that row once more.
CREATE TABLE signature (
  signature_request_id uuid PRIMARY KEY,
  tx_hash bytea CHECK (octet_length(tx_hash) = 32),
  raw bytea,
  refusal_code text,
  refusal_message text,
  collected_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((raw IS NULL) = (tx_hash IS NULL) AND (raw IS NULL) <> (refusal_code IS NULL))
) WITH (fillfactor = 45);
CREATE INDEX signature_uncollected ON signature (signature_request_id) WHERE collected_at IS NULL;

-- One set of signed bytes of a slot, under the id of the request that it answers. Its status is derived from
-- these facts and from inclusions.
CREATE TABLE attempt (
  attempt_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  lane_id int NOT NULL,
  nonce bigint NOT NULL,
  ordinal int NOT NULL,
  chain_id bigint NOT NULL,
  tx_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('effect', 'filler')),
  tx_hash bytea NOT NULL CHECK (octet_length(tx_hash) = 32),
  max_fee_per_gas numeric(78, 0) NOT NULL,
  max_priority_fee_per_gas numeric(78, 0) NOT NULL,
  first_sent_at timestamptz,
  last_sent_at timestamptz,
  accepted_at timestamptz,
  sends int NOT NULL DEFAULT 0,
  last_answer text,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tx_hash, chain_id),
  UNIQUE (lane_id, nonce, ordinal)
) WITH (fillfactor = 45);

-- An attempt seen in a block; append-only. Canonical while its hash is the one at its height.
CREATE TABLE inclusion (
  attempt_id uuid NOT NULL,
  block_hash bytea NOT NULL CHECK (octet_length(block_hash) = 32),
  chain_id bigint NOT NULL,
  block_number bigint NOT NULL,
  succeeded boolean NOT NULL,
  effect_ok boolean NOT NULL,
  -- Known where the receipt was read; a payment that its logs prove needs none.
  gas_used numeric(78, 0),
  effective_gas_price numeric(78, 0),
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (attempt_id, block_hash)
);
CREATE INDEX inclusion_height ON inclusion (chain_id, block_number);

CREATE TABLE block (
  chain_id bigint NOT NULL,
  height bigint NOT NULL,
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  parent_hash bytea NOT NULL CHECK (octet_length(parent_hash) = 32),
  mined_at timestamptz NOT NULL,
  -- Wei a gas; null where the chain has no base fee.
  base_fee_per_gas numeric(78, 0),
  PRIMARY KEY (chain_id, height)
);

-- Written by the walker only; heights only rise, except through a declared reorg.
CREATE TABLE chain_head (
  chain_id bigint PRIMARY KEY,
  latest bigint NOT NULL,
  safe bigint NOT NULL,
  finalized bigint NOT NULL,
  epoch bigint NOT NULL DEFAULT 0,
  lease_owner text,
  lease_until timestamptz,
  halted_reason text,
  halted_at timestamptz,
  reorgs bigint NOT NULL DEFAULT 0,
  advanced_at timestamptz NOT NULL DEFAULT now(),
  CHECK (finalized <= safe AND safe <= latest)
) WITH (fillfactor = 50);

---------------------------------------------------------------------------------------- grants
GRANT SELECT ON ledger_account, posting TO payonce_app;
GRANT USAGE ON SEQUENCE ledger_account_no TO payonce_app;
GRANT SELECT, INSERT ON tenant, account, idempotency_key, ledger_balance, transfer, reserve,
  reserve_resolution, deposit_reference, decision, decision_consumed, lane, lane_progress, tx, nonce_slot,
  signature_request, attempt, inclusion, chain_head, api_key TO payonce_app;
GRANT UPDATE (revoked_at) ON api_key TO payonce_app;
GRANT UPDATE (blocked_reason) ON account TO payonce_app;
GRANT UPDATE (balance, reserved) ON ledger_balance TO payonce_app;
GRANT UPDATE (next_nonce, epoch, lease_owner, lease_until, paused_reason) ON lane TO payonce_app;
GRANT UPDATE (mined_nonce, final_nonce, at_block, moved_at) ON lane_progress TO payonce_app;
GRANT UPDATE (status, waiting, waiting_detail, furthest_level, reorgs, failure_code, failure_message, updated_at) ON tx TO payonce_app;
GRANT UPDATE (fill_reason, gas_reserved) ON nonce_slot TO payonce_app;
GRANT UPDATE (cancelled_at) ON signature_request TO payonce_app;
GRANT SELECT, UPDATE (collected_at) ON signature TO payonce_app;
GRANT UPDATE (first_sent_at, last_sent_at, accepted_at, sends, last_answer) ON attempt TO payonce_app;
GRANT SELECT, INSERT, DELETE ON block TO payonce_app;
GRANT UPDATE (latest, safe, finalized, epoch, lease_owner, lease_until, halted_reason, halted_at, reorgs,
  advanced_at) ON chain_head TO payonce_app;

-- The signer reads intents and orders, claims, and hands over signatures; nothing else.
GRANT SELECT ON tenant, tx, nonce_slot, lane, decision, decision_consumed, signature_request, chain_head,
  signature TO payonce_signer;
GRANT UPDATE (claimed_by, claimed_at) ON signature_request TO payonce_signer;
GRANT INSERT (signature_request_id, tx_hash, raw, refusal_code, refusal_message) ON signature TO payonce_signer;
