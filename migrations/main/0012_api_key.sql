-- min_code_version: 1
-- The secrets of API keys, when keys were used, and the nonces of signed requests.

-- A key has one secret to go on with; those before it end at a time that was set when the next one was made.
CREATE TABLE api_key_secret (
  key_hash bytea PRIMARY KEY CHECK (octet_length(key_hash) = 32),
  key_id uuid NOT NULL REFERENCES api_key,
  prefix text NOT NULL,
  valid_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX api_key_secret_last ON api_key_secret (key_id) WHERE valid_until IS NULL;
CREATE INDEX api_key_secret_key ON api_key_secret (key_id);

-- Written twice a minute by each api process for the keys in use, hence apart from the keys.
CREATE TABLE api_key_use (
  key_id uuid PRIMARY KEY REFERENCES api_key,
  last_used_at timestamptz NOT NULL,
  last_used_from inet
) WITH (fillfactor = 50);

-- 16 bytes of SHA-256 over (key, nonce). Inserting the row is the permission to do what was signed; it goes when
-- its signature is too old to be taken again.
CREATE TABLE signature_nonce (
  nonce_hash uuid PRIMARY KEY,
  created timestamptz NOT NULL
);
CREATE INDEX signature_nonce_created ON signature_nonce (created);

GRANT SELECT, INSERT ON api_key_secret TO payonce_app;
GRANT UPDATE (valid_until) ON api_key_secret TO payonce_app;
GRANT SELECT, INSERT, UPDATE ON api_key_use TO payonce_app;
GRANT SELECT, INSERT, DELETE ON signature_nonce TO payonce_app;
