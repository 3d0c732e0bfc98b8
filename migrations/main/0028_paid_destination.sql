-- min_code_version: 1
-- Addresses that look like another: the same two bytes at both ends, which is what people compare.
CREATE FUNCTION payonce_ends(address bytea) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN substring(address FROM 1 FOR 2) || substring(address FROM 19 FOR 2);
CREATE INDEX address_book_entry_ends ON address_book_entry (tenant_id, payonce_ends(address)) WHERE removed_at IS NULL;

-- Whom a tenant has paid, as far as its history was read.
CREATE TABLE paid_destination (
  tenant_id uuid NOT NULL,
  address bytea NOT NULL CHECK (octet_length(address) = 20),
  PRIMARY KEY (tenant_id, address)
);
CREATE INDEX paid_destination_ends ON paid_destination (tenant_id, payonce_ends(address));
-- Up to which position of the history.
CREATE TABLE paid_destination_cursor (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  position bigint NOT NULL DEFAULT 0
);
INSERT INTO paid_destination_cursor DEFAULT VALUES;
GRANT SELECT, INSERT ON paid_destination TO payonce_app;
GRANT SELECT, UPDATE (position) ON paid_destination_cursor TO payonce_app;
