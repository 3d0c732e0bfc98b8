-- min_code_version: 1
-- Freezes by operators. What a freeze covers are the columns that it names; those that are null cover everything.
-- Append-only: one stands until it has a lift.

CREATE TABLE operator_freeze (
  freeze_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  scope text NOT NULL,
  tenant_id uuid REFERENCES tenant,
  chain_id bigint,
  lane_id int REFERENCES lane,
  asset text,
  reason text NOT NULL CHECK (reason <> ''),
  frozen_by uuid NOT NULL REFERENCES person,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT operator_freeze_covers CHECK (num_nonnulls(tenant_id, chain_id, lane_id, asset) = CASE scope WHEN 'global' THEN 0 ELSE 1 END
    AND CASE scope WHEN 'global' THEN true WHEN 'tenant' THEN tenant_id IS NOT NULL WHEN 'chain' THEN chain_id IS NOT NULL
      WHEN 'wallet' THEN lane_id IS NOT NULL WHEN 'asset' THEN asset IS NOT NULL ELSE false END)
);

CREATE TABLE operator_freeze_lift (
  freeze_id uuid PRIMARY KEY REFERENCES operator_freeze,
  reason text NOT NULL CHECK (reason <> ''),
  proposed_by uuid NOT NULL REFERENCES person,
  confirmed_by uuid NOT NULL REFERENCES person,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT operator_freeze_lift_two_persons CHECK (proposed_by <> confirmed_by)
);

GRANT SELECT, INSERT (scope, tenant_id, chain_id, lane_id, asset, reason, frozen_by) ON operator_freeze TO payonce_app;
GRANT SELECT, INSERT (freeze_id, reason, proposed_by, confirmed_by) ON operator_freeze_lift TO payonce_app;
-- The signer looks for itself before it claims.
GRANT SELECT ON operator_freeze, operator_freeze_lift TO payonce_signer;
