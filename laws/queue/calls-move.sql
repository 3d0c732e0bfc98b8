-- queue/calls-move
-- Every request that is being forwarded or charged, and every one that failed and is to be refunded, has the job that ends it.
-- asks: main
SELECT 'call ' || c.call_id AS subject, c.status || ' without a job' AS found, 'a job gateway.end' AS expected
FROM gateway_call c JOIN priced_endpoint e USING (endpoint_id)
WHERE c.call_id >= ($1::jsonb ->> 'since')::uuid
  AND (c.status IN ('FORWARDING', 'CHARGING') OR c.status = 'FAILED' AND e.on_failure = 'refund' AND c.refund_id IS NULL AND c.refund_refused IS NULL)
  AND NOT EXISTS (SELECT 1 FROM job j WHERE j.topic = 'gateway.end' AND j.subject_id = c.call_id)
