-- tx/foreign-parked
-- Where another's final transaction seems to have paid a slot, a break is open until two persons have decided, and the end of its withdrawal is their decision; nobody is asked where it had ended unclaimed.
-- asks: main
SELECT 'tx ' || t.tx_id AS subject,
  concat_ws(', ', 'used in block ' || x.block_number, CASE WHEN x.paid THEN 'taken for its payment' WHEN NOT x.paid THEN 'not taken for its payment' ELSE 'not decided' END,
    'withdrawal ' || w.status, CASE WHEN k.break_id IS NULL THEN 'no break' WHEN k.resolved_at IS NULL THEN 'an open break' ELSE 'a resolved break' END) AS found,
  CASE WHEN x.paid THEN 'COMPLETED' WHEN NOT x.paid THEN 'an end without payment' ELSE 'an open break' END AS expected
FROM foreign_inclusion x JOIN block b ON b.chain_id = x.chain_id AND b.height = x.block_number AND b.hash = x.block_hash
JOIN chain_head h ON h.chain_id = x.chain_id AND x.block_number <= h.finalized
JOIN nonce_slot s ON s.lane_id = x.lane_id AND s.nonce = x.nonce
JOIN tx t ON t.tx_id = s.tx_id JOIN withdrawal w ON t.owner_kind = 'withdrawal' AND w.withdrawal_id = t.owner_id
LEFT JOIN reconciliation_break k ON k.kind = 'foreign_payment' AND k.subject_id = t.tx_id
-- What is not signed yet is parked when it is.
WHERE x.pays_intent AND t.status <> 'SLOTTED' AND t.tx_id >= ($1::jsonb ->> 'since')::uuid AND NOT CASE
  WHEN x.paid THEN w.status IN ('COMPLETED', 'RESETTLED')
  WHEN NOT x.paid THEN w.status IN ('FAILED', 'CANCELLED', 'EXPIRED')
  ELSE k.break_id IS NOT NULL AND k.resolved_at IS NULL END
