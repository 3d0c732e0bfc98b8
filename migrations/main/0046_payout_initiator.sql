-- min_code_version: 1
-- Who asked for what a payout pays: the one person who may not approve its withdrawal. Null: the gateway by itself.
ALTER TABLE payout_order ADD COLUMN initiated_by uuid;
