-- tx/payment-intent
-- A payment has one tx if and only if it was reserved: it moves what the payer signed, or what was charged of it, to whom it was signed for, and its intent is the authorization.
-- asks: main
WITH wanted AS (
  SELECT p.* FROM payment p
  WHERE p.payment_id >= ($1::jsonb ->> 'since')::uuid AND p.authorization_id IS NOT NULL
), found AS (
  SELECT t.*, count(*) OVER (PARTITION BY t.owner_id) AS others FROM tx t
  WHERE (t.owner_kind = 'payment' OR t.payer_authorization IS NOT NULL) AND t.owner_id >= ($1::jsonb ->> 'since')::uuid
)
SELECT 'payment ' || coalesce(p.payment_id, t.owner_id) AS subject,
  concat_ws(' ', p.status, 'with', coalesce(t.others, 0), 'tx', t.amount, t.asset, 'to 0x' || encode(t.recipient, 'hex'), 'from 0x' || encode(substr(t.payer_authorization, 2, 20), 'hex')) AS found,
  CASE WHEN p.payment_id IS NULL THEN 'a payment' ELSE concat_ws(' ', coalesce(p.charged, p.amount), p.asset, 'to 0x' || encode(p.pay_to, 'hex'), 'from 0x' || encode(p.payer, 'hex')) END AS expected
FROM wanted p FULL JOIN found t ON t.owner_id = p.payment_id
WHERE p.payment_id IS NULL OR (t.tx_id IS NULL) <> (p.status IN ('AUTH_SIGNED', 'AUTH_VERIFIED', 'VOIDED', 'AUTH_REJECTED', 'DUPLICATE_REQUEST'))
  OR (t.tx_id IS NOT NULL AND (t.others > 1 OR t.owner_kind <> 'payment' OR t.operation <> 'payment' OR t.tenant_id <> p.tenant_id OR t.chain_id <> p.chain_id
    OR t.asset <> p.asset OR t.token IS DISTINCT FROM p.token OR t.amount <> coalesce(p.charged, p.amount) OR t.recipient <> p.pay_to OR t.intent_id <> p.authorization_id
    OR get_byte(t.payer_authorization, 0) IS DISTINCT FROM CASE p.method WHEN 'upto' THEN 3 WHEN 'permit2' THEN 2 ELSE 1 END
    OR substr(t.payer_authorization, 2, 20) IS DISTINCT FROM p.payer OR substr(t.payer_authorization, 86, 32) IS DISTINCT FROM p.nonce))
