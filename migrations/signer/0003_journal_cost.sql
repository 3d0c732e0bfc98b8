-- min_code_version: 1
-- What a signature writes here, at less cost.

-- Signed bytes make an entry twice as long: with room for them on its page no index is written again.
ALTER TABLE journal SET (fillfactor = 35);

-- That an entry's intent is bound, asked once for a batch: the foreign key looked each binding up and locked
-- it. Bindings are never changed and never removed.
ALTER TABLE journal DROP CONSTRAINT journal_intent_id_fkey;
CREATE FUNCTION journal_bound_check() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  bad bytea;
BEGIN
  SELECT n.intent_id INTO bad FROM new_rows n
    WHERE NOT EXISTS (SELECT FROM slot_binding b WHERE b.intent_id = n.intent_id) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'intent % is bound to no slot', bad
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'journal_intent_bound';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER journal_insert AFTER INSERT ON journal REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION journal_bound_check();
