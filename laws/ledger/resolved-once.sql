-- ledger/resolved-once
-- A reserve is resolved if and only if its withdrawal has ended: by COMMIT where it was paid, else by RELEASE.
-- asks: main
WITH judged AS (
  SELECT r.withdrawal_id, r.generation, x.resolution, w.status, CASE
      WHEN r.generation < w.generation THEN 'COMMIT'
      WHEN w.status IN ('COMPLETED', 'RESETTLED') THEN 'COMMIT'
      WHEN w.status IN ('REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED') THEN 'RELEASE' END AS expected
  FROM reserve r LEFT JOIN reserve_resolution x USING (withdrawal_id, generation)
  LEFT JOIN withdrawal w USING (withdrawal_id)
  WHERE r.withdrawal_id >= ($1::jsonb ->> 'since')::uuid
)
SELECT 'withdrawal ' || withdrawal_id AS subject, coalesce(resolution, 'no resolution') || ' in ' || coalesce(status, 'no withdrawal') AS found,
  coalesce(expected, 'no resolution') AS expected
FROM judged WHERE resolution IS DISTINCT FROM expected OR status IS NULL
UNION ALL
SELECT 'withdrawal ' || x.withdrawal_id, x.resolution || ' without a reserve', 'the reserve that it resolves'
FROM reserve_resolution x LEFT JOIN reserve r USING (withdrawal_id, generation)
WHERE r.withdrawal_id IS NULL AND x.withdrawal_id >= ($1::jsonb ->> 'since')::uuid
