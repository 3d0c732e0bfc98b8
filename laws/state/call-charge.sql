-- state/call-charge
-- Of a request that is charged by its answer, its payer signed for the most; nothing is taken before there is an answer and nothing where there is none, else what was written with it.
-- asks: main
SELECT 'call ' || c.call_id AS subject, concat_ws(' ', c.status, c.charge, 'of', c.most, 'with', coalesce(p.charged::text, 'nothing'), 'taken of', p.amount) AS found,
  'what is taken is its charge' AS expected
FROM gateway_call c LEFT JOIN payment p USING (payment_id)
WHERE c.call_id >= ($1::jsonb ->> 'since')::uuid AND c.most IS NOT NULL
  AND (p.payment_id IS NULL OR p.amount <> c.most OR (p.charged IS NOT NULL AND p.charged IS DISTINCT FROM c.charge)
    OR (c.status = 'SERVED' AND p.charged IS NULL))
