-- min_code_version: 1
-- For which tenant a freeze was placed, whose persons alone lift it; and what persons may do where two decide.

-- Null: from before it was kept, by somebody of several tenants.
ALTER TABLE operator_freeze ADD COLUMN placed_for uuid REFERENCES tenant;
UPDATE operator_freeze f SET placed_for = coalesce(f.tenant_id,
  (SELECT l.tenant_id FROM lane l WHERE l.lane_id = f.lane_id),
  (SELECT k.tenant_id FROM api_key k WHERE k.key_id = f.frozen_by),
  (SELECT (array_agg(m.tenant_id))[1] FROM operator_membership m WHERE m.operator_id = f.frozen_by HAVING count(*) = 1));
GRANT INSERT (placed_for) ON operator_freeze TO payonce_app;

-- The rights of a key never change; an operator's roles do, while keys that they made go on.
CREATE OR REPLACE VIEW standing_person AS
  SELECT person_id, tenant_id, created_at AS since, NULL::text[] AS roles FROM api_key
  WHERE key_id = person_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
  UNION ALL
  SELECT operator_id, tenant_id, greatest(granted_at, activated_at), roles FROM operator_membership
  WHERE activated_at IS NOT NULL AND suspended_at IS NULL;
