-- min_code_version: 1
-- What became of the funds of lanes: the native coin stretch by stretch of final blocks, tokens log by log.

-- A stretch of a lane: what it held after a final block, and what led there from the stretch before: gas of its
-- final slots, native amounts that its slots sent, arrivals. The first one is its adoption, without `above_block`.
-- Each begins where exactly one other ended, in blocks and in nonces, and none but one may begin there: so a
-- slot's gas is booked once.
CREATE TABLE lane_stretch (
  lane_id int NOT NULL REFERENCES lane,
  above_block bigint,
  up_to_block bigint NOT NULL CHECK (up_to_block > above_block),
  from_nonce bigint NOT NULL,
  to_nonce bigint NOT NULL CHECK (to_nonce >= from_nonce),
  gas_reserved numeric(78, 0) NOT NULL DEFAULT 0 CHECK (gas_reserved >= 0),
  gas_cost numeric(78, 0) NOT NULL DEFAULT 0 CHECK (gas_cost >= 0),
  -- balance: by the difference of what the lane held; receipts: by the sum of what each transaction paid.
  gas_by text CHECK (gas_by IN ('balance', 'receipts')),
  gas_transfer_id uuid,
  sent numeric(78, 0) NOT NULL DEFAULT 0 CHECK (sent >= 0),
  -- Below zero: it left, and no transaction of ours says why.
  arrived numeric(78, 0) NOT NULL DEFAULT 0,
  arrival_transfer_id uuid,
  native_balance numeric(78, 0) NOT NULL CHECK (native_balance >= 0),
  booked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (lane_id, up_to_block),
  UNIQUE NULLS NOT DISTINCT (lane_id, above_block),
  UNIQUE (lane_id, up_to_block, to_nonce),
  FOREIGN KEY (lane_id, above_block, from_nonce) REFERENCES lane_stretch (lane_id, up_to_block, to_nonce),
  CHECK ((above_block IS NULL) = (gas_by IS NULL)),
  CHECK (above_block IS NOT NULL OR from_nonce = to_nonce),
  CHECK ((gas_transfer_id IS NULL) = (gas_reserved = 0)),
  CHECK ((arrival_transfer_id IS NULL) = (arrived = 0))
);

GRANT SELECT, INSERT ON lane_stretch TO payonce_app;

-- A token that arrived on a lane by a final Transfer log, once its adoption is past; booked by `transfer_id`.
CREATE TABLE arrival (
  chain_id bigint NOT NULL,
  tx_hash bytea NOT NULL CHECK (octet_length(tx_hash) = 32),
  log_index int NOT NULL CHECK (log_index >= 0),
  lane_id int NOT NULL REFERENCES lane,
  asset text NOT NULL,
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  sender bytea NOT NULL CHECK (octet_length(sender) = 20),
  block_number bigint NOT NULL,
  transfer_id uuid,
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tx_hash, log_index, chain_id)
);
CREATE INDEX arrival_open ON arrival (lane_id) WHERE transfer_id IS NULL;

GRANT SELECT, INSERT, UPDATE (transfer_id) ON arrival TO payonce_app;
