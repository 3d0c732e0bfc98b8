-- min_code_version: 1
-- Only who says so goes by this index. Statistics that know a topic as empty, as after every burst, make it as cheap as the
-- key: a step of 500 then read its whole topic 500 times (4 s with 20,000 jobs; by the key 3 ms).
DROP INDEX job_due;
CREATE INDEX job_due ON job (topic, tenant_id, run_at) WHERE tenant_id > '00000000-0000-0000-0000-000000000000';
