-- min_code_version: 1
-- Headers of audit blocks that were signed: of one height only one ever is.
CREATE TABLE audit_root (
  height bigint PRIMARY KEY CHECK (height > 0),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  signed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

GRANT SELECT, INSERT ON audit_root TO payonce_signer;
