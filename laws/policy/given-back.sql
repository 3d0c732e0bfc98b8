-- policy/given-back
-- What a decision took is given back if and only if its withdrawal or payment ended unpaid, or was decided anew.
-- asks: main
SELECT 'withdrawal ' || w.withdrawal_id AS subject,
  CASE WHEN c.released_at IS NULL THEN 'taken' ELSE 'given back' END || ' by decision ' || c.decision_id || ' in ' || w.status AS found,
  CASE WHEN c.released_at IS NULL THEN 'given back' ELSE 'taken' END AS expected
FROM policy_charge c JOIN withdrawal w ON w.withdrawal_id = c.subject_id
WHERE c.subject_id >= ($1::jsonb ->> 'since')::uuid AND (c.released_at IS NULL)
  = (w.status IN ('REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED') OR w.decision_id IS DISTINCT FROM c.decision_id)
UNION ALL
SELECT 'payment ' || p.payment_id,
  CASE WHEN c.released_at IS NULL THEN 'taken' ELSE 'given back' END || ' by decision ' || c.decision_id || ' in ' || p.status,
  CASE WHEN c.released_at IS NULL THEN 'given back' ELSE 'taken' END
FROM policy_charge c JOIN payment p ON p.payment_id = c.subject_id
WHERE c.subject_id >= ($1::jsonb ->> 'since')::uuid
  AND (c.released_at IS NULL) = (p.status IN ('AUTH_REJECTED', 'CHAIN_FAILED', 'EXPIRED'))
