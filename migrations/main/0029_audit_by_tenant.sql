-- min_code_version: 1
-- What was done in one tenant is read by pages.

CREATE INDEX audit_entry_by_tenant ON audit_entry (tenant_id, entry_id);
