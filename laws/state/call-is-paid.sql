-- state/call-is-paid
-- A request went to an upstream (or, where its answer tells the charge, was answered) only if the payment that its authorization stands for was reserved for its merchant, and what is told as paid back is that payment's refund.
-- asks: main
SELECT 'call ' || c.call_id AS subject, concat_ws(' ', c.status, 'with a payment', coalesce(p.status, 'of nobody'), 'and refund', c.refund_id) AS found,
  'a payment that its authorization stands for, reserved' AS expected
FROM gateway_call c LEFT JOIN priced_endpoint e USING (endpoint_id)
LEFT JOIN payment p ON p.payment_id = c.payment_id AND p.merchant_id = e.merchant_id AND p.tenant_id = c.tenant_id
  AND (p.authorization_id = c.authorization_id OR EXISTS (
    SELECT FROM payment d WHERE d.authorization_id = c.authorization_id AND d.converged_on = p.payment_id))
LEFT JOIN refund r ON r.refund_id = c.refund_id AND r.payment_id = c.payment_id
WHERE c.call_id >= ($1::jsonb ->> 'since')::uuid AND (p.payment_id IS NULL OR (c.refund_id IS NOT NULL AND r.refund_id IS NULL)
  OR c.status NOT IN ('PAYING', 'UNPAID') AND NOT (c.most IS NOT NULL AND c.status IN ('FORWARDING', 'CHARGING', 'FAILED')) AND p.status IN ('AUTH_SIGNED', 'AUTH_VERIFIED', 'AUTH_REJECTED', 'DUPLICATE_REQUEST'))
