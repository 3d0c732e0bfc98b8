-- min_code_version: 1
-- The main database's side of the handshake with the signer's journal and its witness.

-- The newest batch of the journal that handed signatures over, written with them.
CREATE TABLE journal_seal (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  height bigint NOT NULL DEFAULT 0 CHECK (height >= 0),
  hash bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000'
    CHECK (octet_length(hash) = 32)
) WITH (fillfactor = 50);
INSERT INTO journal_seal DEFAULT VALUES;

CREATE FUNCTION payonce_journal_seal_rises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.height < OLD.height OR (NEW.height = OLD.height AND NEW.hash <> OLD.hash) THEN
    RAISE EXCEPTION 'the journal''s seal only rises: % to %', OLD.height, NEW.height USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER journal_seal_rises BEFORE UPDATE ON journal_seal
  FOR EACH ROW EXECUTE FUNCTION payonce_journal_seal_rises();

-- While a freeze has no lift nothing is claimed or signed. Append-only.
CREATE TABLE signing_freeze (
  freeze_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  code text NOT NULL CHECK (code IN ('main_behind', 'journal_behind', 'both_behind', 'witness_missing',
    'journal_foreign')),
  detail text NOT NULL,
  remedy text NOT NULL,
  declared_by text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE signing_freeze_lift (
  freeze_id uuid PRIMARY KEY REFERENCES signing_freeze,
  lifted_by text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Freezes and lifts whose events were written.
CREATE TABLE signing_freeze_told (
  freeze_id uuid NOT NULL REFERENCES signing_freeze,
  lifted boolean NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (freeze_id, lifted)
);

GRANT SELECT ON journal_seal, signing_freeze, signing_freeze_lift TO payonce_app, payonce_signer;
GRANT UPDATE (height, hash) ON journal_seal TO payonce_signer;
GRANT INSERT (code, detail, remedy, declared_by) ON signing_freeze TO payonce_signer;
GRANT INSERT (freeze_id, lifted_by) ON signing_freeze_lift TO payonce_signer;
GRANT SELECT (position, batch_id) ON event_order TO payonce_signer;
GRANT SELECT, INSERT ON signing_freeze_told TO payonce_app;
