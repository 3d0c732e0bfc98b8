-- min_code_version: 1
-- A paid request outlives the process that took it, and its answer is kept for a time.

ALTER TABLE gateway_call
  -- Path, query and headers as they go to the upstream; gone with the body when the call has ended.
  ADD COLUMN request jsonb,
  ADD COLUMN request_body bytea,
  ADD COLUMN kept_until timestamptz,
  ADD CONSTRAINT gateway_call_request CHECK ((request IS NULL) = (request_body IS NULL)
    AND (request IS NULL) = (status IN ('SERVED', 'FAILED', 'UNPAID'))),
  DROP CONSTRAINT gateway_call_served,
  ADD CONSTRAINT gateway_call_served CHECK ((status = 'SERVED') = (answer_status IS NOT NULL)
    AND (answer_status IS NULL) = (kept_until IS NULL)
    AND (answer_body IS NULL) = (answer_headers IS NULL) AND (answer_body IS NULL OR answer_status IS NOT NULL));

CREATE INDEX gateway_call_kept ON gateway_call (kept_until) WHERE answer_body IS NOT NULL;

GRANT UPDATE (request, request_body, kept_until) ON gateway_call TO payonce_app;
