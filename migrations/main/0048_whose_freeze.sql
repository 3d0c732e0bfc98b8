-- min_code_version: 1
-- For which tenant a freeze was placed, whose persons alone lift it; and what persons may do where two decide.

-- Null: from before it was kept. Such rows are sealed as they are, so nothing is filled in.
ALTER TABLE operator_freeze ADD COLUMN placed_for uuid REFERENCES tenant;
GRANT INSERT (placed_for) ON operator_freeze TO payonce_app;

-- The rights of a key never change; an operator's roles do, while keys that they made go on.
CREATE OR REPLACE VIEW standing_person AS
  SELECT person_id, tenant_id, created_at AS since, NULL::text[] AS roles FROM api_key
  WHERE key_id = person_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
  UNION ALL
  SELECT operator_id, tenant_id, greatest(granted_at, activated_at), roles FROM operator_membership
  WHERE activated_at IS NOT NULL AND suspended_at IS NULL;
