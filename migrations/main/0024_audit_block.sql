-- min_code_version: 1
-- The seal: blocks of rows that can not change any more, hash-chained and signed by the signer.

-- All rows of the sealed tables whose ids lie in [from_id, to_id); src/books/audit/sealed.ts says which, and how a row
-- is hashed. Append-only.
CREATE TABLE audit_block (
  height bigint PRIMARY KEY CHECK (height > 0),
  -- SHA-256 of the header before; zeros for the first.
  previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
  from_id uuid NOT NULL,
  to_id uuid NOT NULL CHECK (from_id < to_id),
  -- Table to number of rows, in the order of the leaves.
  counts json NOT NULL,
  merkle_root bytea NOT NULL CHECK (octet_length(merkle_root) = 32),
  -- The signer's journal as far as it was handed over: its chain covers each signature.
  journal_height bigint NOT NULL,
  journal_hash bytea NOT NULL CHECK (octet_length(journal_hash) = 32),
  -- By the database's clock.
  sealed_at timestamptz NOT NULL,
  -- For each row its id (16) and its hash (32): by them the row that is not as it was is named.
  leaves bytea NOT NULL CHECK (octet_length(leaves) % 48 = 0 AND octet_length(leaves) > 0)
);
-- Hashes do not compress; trying costs more than the space.
ALTER TABLE audit_block ALTER leaves SET STORAGE EXTERNAL;

-- The signer's word on a header: Ed25519 over its canonical JSON.
CREATE TABLE audit_signature (
  height bigint PRIMARY KEY REFERENCES audit_block,
  public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
  signature bytea NOT NULL CHECK (octet_length(signature) = 64),
  signed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

GRANT SELECT, INSERT ON audit_block TO payonce_app;
GRANT SELECT ON audit_signature TO payonce_app;
GRANT SELECT (height, previous_hash, from_id, to_id, counts, merkle_root, journal_height, journal_hash, sealed_at)
  ON audit_block TO payonce_signer;
GRANT SELECT, INSERT (height, public_key, signature) ON audit_signature TO payonce_signer;
