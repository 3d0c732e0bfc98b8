-- min_code_version: 1
-- Prices that wait: one is in force from its effective_at until its removed_at, both of which may lie ahead. One that was
-- stopped while it waited never is: its removed_at is its effective_at. The open end of a path (priced_endpoint_path) is
-- what waits, or what is in force where nothing does.

ALTER TABLE priced_endpoint
  -- The first price of the path, by whose id it is known whatever it costs; null: this one is the first.
  ADD first_id uuid REFERENCES priced_endpoint,
  ADD effective_at timestamptz NOT NULL DEFAULT clock_timestamp();
UPDATE priced_endpoint e SET effective_at = least(e.created_at, e.removed_at), first_id = nullif(f.first_id, e.endpoint_id)
  FROM (
    SELECT endpoint_id, first_value(endpoint_id) OVER (PARTITION BY merchant_id, method, path ORDER BY endpoint_id) AS first_id
    FROM priced_endpoint
  ) f WHERE f.endpoint_id = e.endpoint_id;
ALTER TABLE priced_endpoint ADD CONSTRAINT priced_endpoint_until CHECK (removed_at >= effective_at);
CREATE INDEX priced_endpoint_line ON priced_endpoint (merchant_id, method, path);

-- What was in force is history: only an end that lies ahead is moved.
CREATE FUNCTION priced_endpoint_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.removed_at <= now() THEN
    RAISE EXCEPTION 'priced_endpoint %: its end is past', OLD.endpoint_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'priced_endpoint_ended';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER priced_endpoint_ended BEFORE UPDATE ON priced_endpoint FOR EACH ROW EXECUTE FUNCTION priced_endpoint_ended();
