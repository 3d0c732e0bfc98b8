-- tx/intent
-- A tx wants exactly what its withdrawal ordered, and a withdrawal has one tx.
-- asks: main
SELECT 'tx ' || t.tx_id AS subject,
  concat_ws(' ', t.amount, t.asset, 'to 0x' || encode(t.recipient, 'hex'), 'key', t.idempotency_key, 'of', t.owner_kind, t.owner_id) AS found,
  CASE WHEN w.withdrawal_id IS NULL THEN 'a withdrawal' WHEN t.others > 1 THEN 'one tx'
    ELSE concat_ws(' ', w.amount, w.asset, 'to 0x' || encode(w.recipient, 'hex'), 'key', w.idempotency_key) END AS expected
FROM (SELECT *, count(*) OVER (PARTITION BY owner_kind, owner_id) AS others FROM tx WHERE tx_id >= ($1::jsonb ->> 'since')::uuid) t
LEFT JOIN withdrawal w ON w.withdrawal_id = t.owner_id
WHERE t.owner_kind = 'withdrawal' AND (w.withdrawal_id IS NULL OR t.others > 1 OR t.tenant_id <> w.tenant_id OR t.asset <> w.asset
  OR t.amount <> w.amount OR t.recipient <> w.recipient OR t.idempotency_key <> w.idempotency_key
  OR t.decision_id IS DISTINCT FROM w.decision_id
  OR t.asset <> 'eip155:' || t.chain_id || CASE WHEN t.token IS NULL THEN '/slip44:60' ELSE '/erc20:0x' || encode(t.token, 'hex') END)
