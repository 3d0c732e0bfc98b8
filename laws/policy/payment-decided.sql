-- policy/payment-decided
-- A payment that was reserved goes on by the tier of the decision that allows it, and one that policy denied has a decision that denies it.
-- asks: main
WITH judged AS (
  SELECT p.payment_id, concat_ws(' ', p.risk_tier, p.commit_at) AS tier, t.decision_id IS NOT NULL AS reserved,
    d.verdict, concat_ws(' ', d.tier, d.commit_at) AS wanted
  FROM payment p LEFT JOIN tx t ON t.owner_id = p.payment_id
  LEFT JOIN decision d ON d.decision_id = coalesce(t.decision_id, p.decision_id) AND d.subject_id = p.payment_id
  WHERE p.payment_id >= ($1::jsonb ->> 'since')::uuid
    AND (t.decision_id IS NOT NULL OR (p.status = 'AUTH_REJECTED' AND p.failure_code = 'policy_denied'))
)
SELECT 'payment ' || payment_id AS subject,
  concat_ws(' ', CASE WHEN reserved THEN 'reserved by tier' ELSE 'denied, tier' END, tier) AS found,
  coalesce(verdict || ' by decision ' || nullif(wanted, ''), verdict, 'a decision') AS expected
FROM judged WHERE verdict IS DISTINCT FROM CASE WHEN reserved THEN 'allow' ELSE 'deny' END OR (reserved AND tier <> wanted)
