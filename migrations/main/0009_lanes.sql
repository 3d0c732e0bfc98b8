-- min_code_version: 1
-- What happens to lanes from outside: who paused one and why, and nonces that somebody else used.

ALTER TABLE lane ADD COLUMN paused_at timestamptz, ADD COLUMN paused_by text, ADD COLUMN paused_note text;

-- A transaction in a block that used a nonce of a lane and is none of our attempts. Append-only, canonical while
-- its hash is the one at its height, as an inclusion is.
CREATE TABLE foreign_inclusion (
  tx_hash bytea NOT NULL CHECK (octet_length(tx_hash) = 32),
  block_hash bytea NOT NULL CHECK (octet_length(block_hash) = 32),
  chain_id bigint NOT NULL,
  block_number bigint NOT NULL,
  lane_id int NOT NULL REFERENCES lane,
  nonce bigint NOT NULL CHECK (nonce >= 0),
  -- It gave the recipient of the nonce's slot something of the slot's asset: perhaps our payment, signed
  -- with bytes that we do not have. Such a slot never ends by itself.
  pays_intent boolean NOT NULL,
  -- To whom, value, selector, whether it succeeded, what it moved.
  did jsonb NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now(),
  -- A person has seen it and the books hold what it took.
  adopted_at timestamptz,
  PRIMARY KEY (tx_hash, block_hash)
);
CREATE INDEX foreign_inclusion_slot ON foreign_inclusion (lane_id, nonce);

-- A filler that closes a gap is a tx of nobody's that pays nothing.
ALTER TABLE tx DROP CONSTRAINT tx_amount_check,
  ADD CONSTRAINT tx_amount_check CHECK (amount > 0 OR (amount = 0 AND owner_kind = 'filler'));

GRANT UPDATE (paused_at, paused_by, paused_note) ON lane TO payonce_app;
GRANT SELECT, INSERT, UPDATE (adopted_at) ON foreign_inclusion TO payonce_app;
