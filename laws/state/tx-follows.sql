-- state/tx-follows
-- A withdrawal has a tx if and only if it was EXECUTING, and both stand where the other allows it.
-- asks: main
SELECT 'withdrawal ' || w.withdrawal_id AS subject, w.status || ' with ' || CASE WHEN t.tx_id IS NULL THEN 'no tx' ELSE 'tx ' || t.status END AS found,
  CASE w.status WHEN 'COMPLETED' THEN 'INCLUDED, FINAL or paid by another' WHEN 'FAILED' THEN 'REVERTED, REPLACED or CANCELLED'
    WHEN 'EXECUTING' THEN 'a tx' ELSE 'no tx, or one that its filler ends' END AS expected
FROM withdrawal w LEFT JOIN tx t ON t.owner_kind = 'withdrawal' AND t.owner_id = w.withdrawal_id
LEFT JOIN nonce_slot s ON s.tx_id = t.tx_id
WHERE w.withdrawal_id >= ($1::jsonb ->> 'since')::uuid AND NOT CASE
  WHEN w.status IN ('REQUESTED', 'RESERVED', 'AWAITING_APPROVAL', 'APPROVED', 'REJECTED') THEN t.tx_id IS NULL
  WHEN w.status = 'EXECUTING' THEN t.tx_id IS NOT NULL
  WHEN w.status IN ('COMPLETED', 'RESETTLED') THEN coalesce(t.status IN ('INCLUDED', 'FINAL'), false)
    OR EXISTS (SELECT 1 FROM job j WHERE j.topic = 'withdrawal.orphaned' AND j.subject_id = w.withdrawal_id)
    -- Paid by a transaction that is not ours, as two persons decided.
    OR t.status = 'REPLACED' AND EXISTS (SELECT 1 FROM foreign_inclusion x WHERE x.lane_id = s.lane_id AND x.nonce = s.nonce AND x.paid)
  WHEN w.status = 'FAILED' THEN coalesce(t.status IN ('REVERTED', 'REPLACED', 'CANCELLED'), false)
    -- What a break is about stands as two persons decided.
    OR EXISTS (SELECT 1 FROM reconciliation_break k WHERE k.owner_id = w.withdrawal_id)
  WHEN w.status IN ('CANCELLED', 'EXPIRED') THEN t.tx_id IS NULL OR t.status = 'CANCELLED' OR s.fill_reason IS NOT NULL
  ELSE true END
