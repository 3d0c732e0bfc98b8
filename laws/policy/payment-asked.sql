-- policy/payment-asked
-- A payment that persons were asked about has one decision, which allows it and gives its tier, and their request by it; while it waits, a job that ends it or takes it on.
-- asks: main
SELECT 'payment ' || p.payment_id AS subject,
  concat_ws(' ', p.status, 'by tier', p.risk_tier, p.commit_at, 'by decision', p.decision_id,
    CASE WHEN r.request_id IS NULL THEN 'without a request' END, 'with tx by decision ' || t.decision_id) AS found,
  concat_ws(' ', coalesce(d.verdict || ' by tier ' || d.tier || ' ' || d.commit_at, 'a decision'), 'with a request, and a job while it waits') AS expected
FROM payment p LEFT JOIN tx t ON t.owner_id = p.payment_id
LEFT JOIN decision d ON d.decision_id = p.decision_id AND d.subject_id = p.payment_id
LEFT JOIN approval_request r ON r.decision_id = p.decision_id AND r.owner_id = p.payment_id AND r.owner_kind = 'payment'
WHERE p.payment_id >= ($1::jsonb ->> 'since')::uuid AND p.decision_id IS NOT NULL AND p.failure_code IS DISTINCT FROM 'policy_denied'
  AND (r.request_id IS NULL OR (d.verdict, d.tier, d.commit_at) IS DISTINCT FROM ('allow', p.risk_tier, p.commit_at)
    OR t.decision_id <> p.decision_id OR (p.status = 'AUTH_VERIFIED' AND NOT EXISTS (
      SELECT FROM job j WHERE j.subject_id = p.payment_id AND j.topic IN ('payment.approve', 'payment.unapproved'))))
