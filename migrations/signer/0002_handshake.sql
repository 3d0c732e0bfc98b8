-- min_code_version: 1
-- The journal as a chain of batches, and what it has seen of the main database.

-- The batch whose bytes were journaled with this entry; null: from before there were batches.
ALTER TABLE journal ADD COLUMN batch bigint;

-- One row, whose lock gives heights: the signers of an installation form one chain. Its main_* columns are
-- the newest that any signer has seen of the main database and never fall.
CREATE TABLE journal_head (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  installation_id uuid,
  height bigint NOT NULL DEFAULT 0 CHECK (height >= 0),
  hash bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000'
    CHECK (octet_length(hash) = 32),
  -- An order of the newest batch: the main database must have it, claimed.
  request_id uuid,
  main_height bigint NOT NULL DEFAULT 0 CHECK (main_height >= 0),
  main_hash bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000'
    CHECK (octet_length(main_hash) = 32),
  main_position bigint NOT NULL DEFAULT 0,
  main_event_id uuid,
  CHECK ((height = 0) = (request_id IS NULL)),
  CHECK (height = 0 OR installation_id IS NOT NULL)
) WITH (fillfactor = 50);
INSERT INTO journal_head DEFAULT VALUES;

-- Heights ascend without gaps. The hash covers the previous one, the entries and the main_* columns: the main
-- database's seal and its last numbered event as they were when the batch began.
CREATE TABLE journal_batch (
  height bigint PRIMARY KEY CHECK (height > 0),
  previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  entries int NOT NULL CHECK (entries > 0),
  main_height bigint NOT NULL CHECK (main_height < height),
  main_hash bytea NOT NULL CHECK (octet_length(main_hash) = 32),
  main_position bigint NOT NULL,
  main_event_id uuid,
  created_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT ON journal_batch TO payonce_signer;
GRANT SELECT, UPDATE (installation_id, height, hash, request_id, main_height, main_hash, main_position,
  main_event_id) ON journal_head TO payonce_signer;
