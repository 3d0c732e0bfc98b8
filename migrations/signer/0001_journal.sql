-- min_code_version: 1
-- The signer's own database: what was asked, what was signed. All signers of an installation share it.

-- An intent is bound to one slot and one effect, a slot to one intent, for ever.
CREATE TABLE slot_binding (
  intent_id bytea PRIMARY KEY CHECK (octet_length(intent_id) = 32),
  chain_id bigint NOT NULL,
  from_address bytea NOT NULL CHECK (octet_length(from_address) = 20),
  nonce bigint NOT NULL CHECK (nonce >= 0),
  effect_digest bytea NOT NULL CHECK (octet_length(effect_digest) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (chain_id, from_address, nonce)
);

-- One row per signature: unsigned bytes before signing, signed bytes before they are handed out.
CREATE TABLE journal (
  height bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  signature_request_id uuid NOT NULL UNIQUE,
  intent_id bytea NOT NULL REFERENCES slot_binding,
  kind text NOT NULL CHECK (kind IN ('effect', 'filler')),
  fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
  -- Wei by which this signature raises the most that its intent can move, value and gas. Of all signatures of
  -- a slot one is mined, so a limit counts what stands here and adds up to the dearest.
  max_spend numeric(78, 0) NOT NULL CHECK (max_spend >= 0),
  lane_epoch bigint NOT NULL,
  unsigned bytea NOT NULL,
  signed bytea,
  tx_hash bytea CHECK (octet_length(tx_hash) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  signed_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX journal_intent ON journal (intent_id);

-- Lane epochs seen, each with the lowest nonce that was first signed for under it. An allocator that lost
-- its lease can only give nonces at or above those of the epochs after its own: these are refused.
CREATE TABLE lane_epoch (
  chain_id bigint NOT NULL,
  from_address bytea NOT NULL CHECK (octet_length(from_address) = 20),
  epoch bigint NOT NULL,
  lowest_nonce bigint NOT NULL,
  PRIMARY KEY (chain_id, from_address, epoch)
);

-- What the signer refused, and why. A refused intent has no journal entry.
CREATE TABLE refusal (
  refusal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  signature_request_id uuid NOT NULL,
  code text NOT NULL,
  message text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT ON slot_binding, journal, refusal, lane_epoch TO payonce_signer;
GRANT UPDATE (signed, tx_hash, signed_at) ON journal TO payonce_signer;
GRANT UPDATE (lowest_nonce) ON lane_epoch TO payonce_signer;
GRANT SELECT ON schema_migration TO payonce_signer;
