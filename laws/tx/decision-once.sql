-- tx/decision-once
-- A tx that pays was allowed by a decision about its owner that it alone has used up.
-- asks: main
SELECT 'tx ' || t.tx_id AS subject,
  CASE WHEN d.decision_id IS NULL THEN 'no decision' ELSE concat_ws(' ', d.verdict, 'about', d.subject_id, 'used by tx', c.tx_id) END AS found,
  'allow about ' || t.owner_id || ' used by tx ' || t.tx_id AS expected
FROM tx t LEFT JOIN decision d USING (decision_id) LEFT JOIN decision_consumed c USING (decision_id)
WHERE t.tx_id >= ($1::jsonb ->> 'since')::uuid AND t.owner_kind NOT IN ('filler', 'topup', 'sweep') AND (d.decision_id IS NULL OR d.verdict <> 'allow' OR d.subject_id <> t.owner_id OR d.tenant_id <> t.tenant_id
  OR c.tx_id IS DISTINCT FROM t.tx_id OR (d.commit_at IS DISTINCT FROM t.settle_at AND t.owner_kind <> 'payment'))
