-- ledger/refunds
-- What a payment has given back is the sum of its refunds that did not fail, and no more than was paid.
-- asks: main
SELECT 'payment ' || p.payment_id AS subject, p.refunded || ' of ' || coalesce(p.charged, p.amount) || ' in ' || p.status AS found, coalesce(r.amount, 0) || ' by its refunds' AS expected
FROM payment p LEFT JOIN (SELECT payment_id, sum(amount) AS amount, bool_or(status = 'PENDING') AS pending FROM refund WHERE status <> 'FAILED' GROUP BY 1) r USING (payment_id)
WHERE p.payment_id >= ($1::jsonb ->> 'since')::uuid
  AND (p.refunded <> coalesce(r.amount, 0) OR p.refunded > coalesce(p.charged, p.amount) OR (p.status = 'REFUNDED') <> coalesce(NOT r.pending, false))
