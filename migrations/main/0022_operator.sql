-- min_code_version: 1
-- Operators: people with passkeys, what each may do in which tenant, and their sessions.

CREATE TABLE operator (
  operator_id uuid PRIMARY KEY DEFAULT payonce_uuid7() REFERENCES person,
  name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._@+-]{0,127}$'),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION payonce_operator_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO person VALUES (NEW.operator_id);
  RETURN NEW;
END $$;
CREATE TRIGGER operator_person BEFORE INSERT ON operator FOR EACH ROW EXECUTE FUNCTION payonce_operator_person();

-- Rights are given by one security-admin and made good by another, or both by the owner (null), and never by
-- whose they are.
CREATE TABLE operator_membership (
  operator_id uuid NOT NULL REFERENCES operator,
  tenant_id uuid NOT NULL REFERENCES tenant,
  roles text[] NOT NULL,
  granted_by uuid REFERENCES operator,
  granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  activated_by uuid REFERENCES operator,
  activated_at timestamptz,
  suspended_at timestamptz,
  PRIMARY KEY (operator_id, tenant_id),
  CONSTRAINT operator_membership_roles CHECK (cardinality(roles) > 0
    AND roles <@ ARRAY['viewer', 'operator', 'approver', 'policy-admin', 'security-admin']),
  CONSTRAINT operator_membership_two_persons CHECK (activated_by <> granted_by),
  CONSTRAINT operator_membership_own CHECK (operator_id <> granted_by AND operator_id <> activated_by),
  CHECK (activated_by IS NULL OR activated_at IS NOT NULL)
);
CREATE INDEX operator_membership_tenant ON operator_membership (tenant_id, operator_id);

-- A link that whoever has it registers a passkey with; one per operator, and gone once it is used.
CREATE TABLE operator_invitation (
  operator_id uuid PRIMARY KEY REFERENCES operator,
  token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
  invited_by uuid REFERENCES operator CHECK (invited_by <> operator_id),
  expires_at timestamptz NOT NULL
);

CREATE TABLE passkey (
  -- As WebAuthn has it, in base64url.
  credential_id text PRIMARY KEY,
  operator_id uuid NOT NULL REFERENCES operator,
  -- COSE.
  public_key bytea NOT NULL,
  sign_count bigint NOT NULL CHECK (sign_count >= 0),
  transports text[] NOT NULL,
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_used_at timestamptz
);
CREATE INDEX passkey_operator ON passkey (operator_id);

-- What an authenticator is to sign. Deleting the row is the permission to look at the answer.
CREATE TABLE passkey_challenge (
  challenge text PRIMARY KEY,
  -- Whose passkey is to be registered; null: a login.
  operator_id uuid REFERENCES operator,
  expires_at timestamptz NOT NULL
);
CREATE INDEX passkey_challenge_expiry ON passkey_challenge (expires_at);

-- A session ends with the passkey that began it.
CREATE TABLE operator_session (
  session_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
  credential_id text NOT NULL REFERENCES passkey ON DELETE CASCADE,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- To the minute.
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX operator_session_passkey ON operator_session (credential_id);

CREATE OR REPLACE VIEW standing_person AS
  SELECT person_id, tenant_id, created_at AS since FROM api_key
  WHERE key_id = person_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
  UNION ALL
  SELECT operator_id, tenant_id, greatest(granted_at, activated_at) FROM operator_membership
  WHERE activated_at IS NOT NULL AND suspended_at IS NULL;

GRANT SELECT, INSERT ON operator TO payonce_app;
GRANT SELECT, INSERT, UPDATE (roles, granted_by, granted_at, activated_by, activated_at, suspended_at)
  ON operator_membership TO payonce_app;
GRANT SELECT, INSERT, UPDATE (token_hash, invited_by, expires_at), DELETE ON operator_invitation TO payonce_app;
GRANT SELECT, INSERT, UPDATE (sign_count, last_used_at), DELETE ON passkey TO payonce_app;
GRANT SELECT, INSERT, DELETE ON passkey_challenge TO payonce_app;
GRANT SELECT, INSERT, UPDATE (seen_at), DELETE ON operator_session TO payonce_app;
