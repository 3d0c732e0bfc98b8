-- min_code_version: 1
-- What is known of destinations.

-- An account that is null is every account of the tenant. What was removed stays as history.
CREATE TABLE address_book_entry (
  entry_id uuid PRIMARY KEY DEFAULT payonce_uuid7(),
  tenant_id uuid NOT NULL REFERENCES tenant,
  address bytea NOT NULL CHECK (octet_length(address) = 20),
  account text CHECK (account ~ '^[A-Za-z0-9._:-]{1,128}$'),
  label text NOT NULL CHECK (label <> ''),
  added_by uuid NOT NULL REFERENCES person,
  added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  removed_by uuid REFERENCES person,
  removed_at timestamptz,
  CHECK ((removed_at IS NULL) = (removed_by IS NULL)),
  CHECK (removed_at >= added_at)
);
CREATE UNIQUE INDEX address_book_entry_once ON address_book_entry (tenant_id, address, coalesce(account, ''))
  WHERE removed_at IS NULL;

-- When it was added is the database's word: no column for it.
GRANT SELECT, INSERT (tenant_id, address, account, label, added_by) ON address_book_entry TO payonce_app;
GRANT UPDATE (removed_at, removed_by) ON address_book_entry TO payonce_app;
