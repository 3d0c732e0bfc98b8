-- min_code_version: 1
-- The base floor: roles' rights, ids, state machines, history, queue.

CREATE TABLE installation (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  installation_id uuid NOT NULL DEFAULT gen_random_uuid(),
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation DEFAULT VALUES;

-- UUIDv7 from the database's clock: ids are time, and partitions are ranges of ids.
DO $$
BEGIN
  IF current_setting('server_version_num')::int >= 180000 THEN
    EXECUTE 'CREATE FUNCTION payonce_uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS ''SELECT uuidv7()''';
  ELSE
    EXECUTE $f$CREATE FUNCTION payonce_uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS
      'SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing substring(int8send(
         (extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), ''hex'')::uuid'$f$;
  END IF;
END $$;

-- The lowest UUIDv7 of a moment: a partition bound and the cursor of a point in time.
CREATE FUNCTION payonce_uuid_at(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Machines as data (src/base/kernel/machine.ts is the source; a test compares).
CREATE TABLE state_initial (
  machine text NOT NULL,
  state text NOT NULL,
  PRIMARY KEY (machine, state)
);
CREATE TABLE state_transition (
  machine text NOT NULL,
  from_state text NOT NULL,
  to_state text NOT NULL,
  PRIMARY KEY (machine, from_state, to_state)
);

-- The history, one row per statement that wrote it: a step moves hundreds of subjects by the same move, and a
-- row and two index entries for each were a quarter of the database's work. Written only by advance() and by
-- inserts of initial states; never changed. Item n of the arrays is event n of the batch.
CREATE SEQUENCE event_seq;
CREATE TABLE event_batch (
  batch_id uuid NOT NULL DEFAULT payonce_uuid7(),
  seq bigint NOT NULL DEFAULT nextval('event_seq'),
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  tenant_id uuid,
  type text NOT NULL,
  from_state text,
  to_state text,
  size int NOT NULL CHECK (size > 0),
  subject_ids uuid[] NOT NULL,
  owner_ids uuid[],
  correlation_ids text[],
  -- A list with an object or null for each event: one value, since taking hundreds apart and putting them
  -- together again cost as much as the rows' own update.
  data json,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (batch_id),
  CHECK (cardinality(subject_ids) = size),
  CHECK (cardinality(owner_ids) = size),
  CHECK (cardinality(correlation_ids) = size)
) PARTITION BY RANGE (batch_id);
-- Ids do not compress; trying costs more than the space.
ALTER TABLE event_batch ALTER subject_ids SET STORAGE EXTERNAL, ALTER owner_ids SET STORAGE EXTERNAL,
  ALTER correlation_ids SET STORAGE EXTERNAL;
CREATE INDEX event_batch_xid ON event_batch (xid);
CREATE TABLE event_batch_default PARTITION OF event_batch DEFAULT;

-- The id of event n (from 1) of a batch: the batch's with n in place of its last 16 bits.
CREATE FUNCTION payonce_event_id(batch uuid, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (left(batch::text, 32) || lpad(to_hex(n & 65535), 4, '0'))::uuid
$$;
-- One row per event, as everybody but the writers and the sequencer reads it.
CREATE VIEW event AS
  SELECT payonce_event_id(b.batch_id, i.n) AS event_id, b.batch_id, i.n, b.seq, b.xid, b.tenant_id, b.type,
    i.subject_id, b.owner_ids[i.n] AS owner_id, b.from_state, b.to_state, b.correlation_ids[i.n] AS correlation_id,
    nullif(d.data::jsonb, 'null') AS data, b.at
  FROM event_batch b CROSS JOIN LATERAL unnest(b.subject_ids) WITH ORDINALITY AS i(subject_id, n)
  LEFT JOIN LATERAL json_array_elements(b.data) WITH ORDINALITY AS d(data, n) ON d.n = i.n;

-- Commit order: one leased sequencer numbers batches that have committed; cursors read positions only, so an
-- event whose transaction commits late gets a later position and is never skipped. A batch holds the
-- positions from position - size + 1 to position.
CREATE TABLE event_order (
  position bigint PRIMARY KEY,
  batch_id uuid NOT NULL,
  tenant_id uuid,
  size int NOT NULL,
  xid xid8 NOT NULL
);
CREATE INDEX event_order_tenant ON event_order (tenant_id, position);
CREATE TABLE event_sequencer (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  watermark xid8 NOT NULL DEFAULT pg_current_xact_id(),
  floor bigint NOT NULL DEFAULT 0,
  position bigint NOT NULL DEFAULT 0,
  epoch uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO event_sequencer DEFAULT VALUES;

-- The queue: one row per (topic, subject). gen counts events that arrived; a lease is a token.
CREATE TABLE job (
  topic text NOT NULL,
  subject_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  gen int NOT NULL DEFAULT 0,
  attempts int NOT NULL DEFAULT 0,
  run_at timestamptz NOT NULL DEFAULT now(),
  lease_token uuid,
  lease_until timestamptz,
  trace text,
  last_error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, subject_id)
) WITH (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX job_due ON job (topic, tenant_id, run_at);

CREATE TABLE dead_letter (
  topic text NOT NULL,
  subject_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  attempts int NOT NULL,
  reason text NOT NULL,
  trace text,
  died_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, subject_id)
);

-- Weekly partitions, 14 weeks ahead; run at migration and by the cron role.
CREATE FUNCTION payonce_make_partitions() RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
DECLARE
  parent text;
  week int;
  lower_at timestamptz;
  name text;
  made int := 0;
BEGIN
  FOR parent IN SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'p' AND n.nspname = 'public' ORDER BY 1
  LOOP
    FOR week IN 0..14 LOOP
      lower_at := date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + week * interval '7 days';
      name := parent || '_' || to_char(lower_at AT TIME ZONE 'UTC', 'YYYYMMDD');
      IF to_regclass('public.' || quote_ident(name)) IS NULL THEN
        EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
          name, parent, payonce_uuid_at(lower_at), payonce_uuid_at(lower_at + interval '7 days'));
        made := made + 1;
      END IF;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;
REVOKE ALL ON FUNCTION payonce_make_partitions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION payonce_make_partitions() TO payonce_app;

GRANT SELECT ON installation, state_initial, state_transition, schema_migration TO payonce_app;
GRANT SELECT, INSERT ON event_batch, event_order TO payonce_app;
GRANT SELECT ON event TO payonce_app;
GRANT USAGE ON SEQUENCE event_seq TO payonce_app;
GRANT SELECT, UPDATE (watermark, floor, position) ON event_sequencer TO payonce_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON job, dead_letter TO payonce_app;
GRANT SELECT ON installation, schema_migration TO payonce_signer;
