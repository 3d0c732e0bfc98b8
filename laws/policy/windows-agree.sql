-- policy/windows-agree
-- What a window holds is what decisions took from it and nobody gave back, bucket by bucket.
-- asks: main
WITH taken AS (
  SELECT DISTINCT c.subject_id, c.decision_id, c.amount, e.counter_id, l.meter, l.bucket_ms, l.window_ms,
    coalesce(floor(extract(epoch FROM c.at) * 1000 / l.bucket_ms), 0)::bigint AS bucket
  FROM policy_charge c CROSS JOIN LATERAL unnest(c.counter_ids) AS e(counter_id)
  -- Of a counter that is gone nobody knows the dimension: all limits of the charge are missed on it.
  LEFT JOIN policy_counter k USING (counter_id)
  JOIN policy_limit l ON l.limit_no = ANY(c.limit_nos) AND l.dimension = coalesce(k.dimension, l.dimension)
  WHERE c.released_at IS NULL
), wanted AS (
  SELECT counter_id, meter, bucket, sum(amount) AS amount, count(*) AS payments,
    -- Older ones may be forgotten already.
    bool_and(coalesce((bucket + 1) * bucket_ms > extract(epoch FROM now()) * 1000 - window_ms, true)) AS open
  FROM taken GROUP BY 1, 2, 3
), held AS (
  SELECT counter_id, m.meter, (b ->> 0)::bigint AS bucket, (b ->> 1)::numeric AS amount, (b ->> 2)::bigint AS payments
  FROM policy_counter CROSS JOIN LATERAL jsonb_each(spends) AS m(meter, buckets)
  CROSS JOIN LATERAL jsonb_array_elements(m.buckets) AS b
)
SELECT 'counter ' || counter_id AS subject,
  coalesce(h.amount || ' by ' || h.payments || ' payments', 'nothing') || ' in bucket ' || bucket AS found,
  coalesce(w.amount || ' by ' || w.payments || ' payments', 'nothing') AS expected
FROM wanted w FULL JOIN held h USING (counter_id, meter, bucket)
WHERE (h.bucket IS NOT NULL OR w.open) AND (h.amount, h.payments) IS DISTINCT FROM (w.amount, w.payments)
