-- min_code_version: 1
-- Persons: whose words two must be, where two decide.

-- An API key that nobody but the owner made; whatever it makes speaks for it.
CREATE TABLE person (
  person_id uuid PRIMARY KEY
);
INSERT INTO person SELECT key_id FROM api_key;

ALTER TABLE api_key ADD COLUMN person_id uuid REFERENCES person;
UPDATE api_key SET person_id = key_id;
ALTER TABLE api_key ALTER person_id SET NOT NULL;
CREATE INDEX api_key_person ON api_key (person_id);

CREATE FUNCTION payonce_key_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.person_id IS NULL THEN
    NEW.person_id := NEW.key_id;
    INSERT INTO person VALUES (NEW.key_id);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER api_key_person BEFORE INSERT ON api_key FOR EACH ROW EXECUTE FUNCTION payonce_key_person();

-- Whose word counts in which tenant now, if it was said since.
CREATE VIEW standing_person AS
  SELECT person_id, tenant_id, created_at AS since FROM api_key
  WHERE key_id = person_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp());

ALTER TABLE proposal ADD COLUMN tenant_id uuid REFERENCES tenant,
  DROP CONSTRAINT proposal_proposed_by_fkey, ADD FOREIGN KEY (proposed_by) REFERENCES person;
UPDATE proposal SET tenant_id = (SELECT tenant_id FROM api_key WHERE key_id = proposed_by);
ALTER TABLE proposal ALTER tenant_id SET NOT NULL;
ALTER TABLE chain_resume
  DROP CONSTRAINT chain_resume_proposed_by_fkey, ADD FOREIGN KEY (proposed_by) REFERENCES person,
  DROP CONSTRAINT chain_resume_confirmed_by_fkey, ADD FOREIGN KEY (confirmed_by) REFERENCES person;
ALTER TABLE break_action
  DROP CONSTRAINT break_action_proposed_by_fkey, ADD FOREIGN KEY (proposed_by) REFERENCES person,
  DROP CONSTRAINT break_action_confirmed_by_fkey, ADD FOREIGN KEY (confirmed_by) REFERENCES person;

GRANT SELECT, INSERT ON person TO payonce_app;
GRANT SELECT ON standing_person TO payonce_app;
GRANT UPDATE (tenant_id) ON proposal TO payonce_app;
