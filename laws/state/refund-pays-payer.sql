-- state/refund-pays-payer
-- A refund is one payout of the payment's merchant to its payer, of its amount; it is PAID if and only if that withdrawal has paid.
-- asks: main
SELECT 'refund ' || r.refund_id AS subject,
  concat_ws(' ', r.status, coalesce(w.status, 'no withdrawal'), w.amount, w.asset, 'from', w.account, 'to 0x' || encode(w.recipient, 'hex')) AS found,
  concat_ws(' ', r.amount, p.asset, 'from merchant:' || m.name, 'to 0x' || encode(p.payer, 'hex')) AS expected
FROM refund r JOIN payment p USING (payment_id) JOIN merchant m USING (merchant_id)
LEFT JOIN payout_order o ON o.order_id = r.refund_id AND o.owner_kind = 'refund' AND o.tenant_id = r.tenant_id
LEFT JOIN withdrawal w USING (withdrawal_id)
WHERE r.refund_id >= ($1::jsonb ->> 'since')::uuid AND (o.order_id IS NULL
  OR (r.status = 'PAID') AND NOT coalesce(o.outcome = 'paid' AND w.status IN ('COMPLETED', 'RESETTLED'), false)
  OR (r.status = 'FAILED') AND coalesce(o.outcome, '') <> 'unpaid'
  OR (w.withdrawal_id IS NOT NULL AND (w.tenant_id, w.account, w.asset, w.amount, w.recipient, w.fee, w.idempotency_key)
    IS DISTINCT FROM (r.tenant_id, 'merchant:' || m.name, p.asset, r.amount, p.payer, 0, 'refund:' || r.refund_id)))
