-- min_code_version: 1
-- Payments under a policy document.

-- The gateway's price that was paid; null: another merchant's own.
ALTER TABLE payment ADD priced_endpoint uuid;

-- A document's tier takes the place of the configuration's when it is reserved.
GRANT UPDATE (wait_until, commit_at, risk_tier) ON payment TO payonce_app;
