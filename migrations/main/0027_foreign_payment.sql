-- min_code_version: 1
-- Foreign transactions that seem to have paid the intent of a slot wait for two persons.

-- What they decided: it paid what its slot is for, or not. Null: there is no such question, or no answer yet. False
-- without them where the order of its slot was withdrawn unclaimed: nobody is owed anything.
ALTER TABLE foreign_inclusion ADD COLUMN paid boolean, ADD CHECK (paid IS NULL OR pays_intent);
GRANT UPDATE (paid) ON foreign_inclusion TO payonce_app;

ALTER TABLE reconciliation_break DROP CONSTRAINT reconciliation_break_kind_check,
  ADD CONSTRAINT reconciliation_break_kind_check
    CHECK (kind IN ('effect_mismatch', 'foreign_payment', 'paid_after_release', 'final_taken_back'));
