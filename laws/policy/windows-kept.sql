-- policy/windows-kept
-- Within no window's length more was taken from it than its limit allows.
-- asks: main
WITH taken AS (
  SELECT c.subject_id, c.amount, c.at, e.counter_id, l.meter, l.window_ms, min(l.amount) AS most, min(l.count) AS most_payments
  FROM policy_charge c CROSS JOIN LATERAL unnest(c.counter_ids) AS e(counter_id)
  JOIN policy_counter k USING (counter_id) JOIN policy_limit l ON l.limit_no = ANY(c.limit_nos) AND l.dimension = k.dimension
  WHERE c.released_at IS NULL
  GROUP BY 1, 2, 3, 4, 5, 6
), summed AS (
  -- In lengths of the window; a cap for ever is as long as all of time.
  SELECT *, sum(amount) OVER span AS spent, count(*) OVER span AS payments FROM taken
  WINDOW span AS (PARTITION BY counter_id, meter, window_ms
    ORDER BY extract(epoch FROM at) * 1000 / coalesce(window_ms, 1000000000000000)::numeric
    RANGE BETWEEN 1::numeric PRECEDING AND CURRENT ROW)
)
SELECT 'subject ' || subject_id AS subject, spent || ' by ' || payments || ' payments' AS found,
  concat_ws(', ', 'at most ' || most, most_payments || ' payments') AS expected
FROM summed WHERE spent > most OR payments > most_payments
