-- queue/txs-move
-- Every tx under way has what takes it on: a job, an order for the signer, bytes to send again, a block to become final, or a break.
-- asks: main
WITH moving AS (
  SELECT t.*, s.lane_id, s.nonce, p.mined_nonce, h.finalized
  FROM tx t LEFT JOIN nonce_slot s USING (tx_id) LEFT JOIN lane_progress p ON p.lane_id = s.lane_id LEFT JOIN chain_head h ON h.chain_id = t.chain_id
  WHERE t.tx_id >= ($1::jsonb ->> 'since')::uuid AND t.status IN ('CREATED', 'SLOTTED', 'SIGNED', 'BROADCASTED', 'INCLUDED')
), judged AS (
  SELECT m.*, CASE
    WHEN status = 'CREATED' THEN EXISTS (SELECT 1 FROM job j WHERE j.topic = 'tx.prepare' AND j.subject_id = m.tx_id)
    -- Not signed yet: an order that is not answered, an answer that is not taken in, or the filler's job.
    WHEN status = 'SLOTTED' THEN EXISTS (SELECT 1 FROM job j WHERE j.topic = 'tx.fill' AND j.subject_id = m.tx_id)
      OR EXISTS (SELECT 1 FROM signature_request r LEFT JOIN signature g USING (signature_request_id)
        WHERE r.lane_id = m.lane_id AND r.nonce = m.nonce AND r.cancelled_at IS NULL AND g.collected_at IS NULL)
    -- Bytes above what the lane has consumed are sent again.
    WHEN nonce >= mined_nonce THEN EXISTS (SELECT 1 FROM attempt a WHERE a.lane_id = m.lane_id AND a.nonce = m.nonce)
    -- Used by another, which is to become final.
    WHEN EXISTS (SELECT 1 FROM foreign_inclusion x
      JOIN block b ON b.chain_id = x.chain_id AND b.height = x.block_number AND b.hash = x.block_hash
      WHERE x.lane_id = m.lane_id AND x.nonce = m.nonce AND x.block_number > m.finalized) THEN true
    ELSE status = 'INCLUDED' AND EXISTS (SELECT 1 FROM attempt a JOIN inclusion i USING (attempt_id)
      JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
      WHERE a.lane_id = m.lane_id AND a.nonce = m.nonce AND i.block_number > m.finalized)
      OR EXISTS (SELECT 1 FROM reconciliation_break k WHERE k.kind IN ('effect_mismatch', 'foreign_payment') AND k.subject_id = m.tx_id) END AS moves
  FROM moving m
)
SELECT 'tx ' || tx_id AS subject, concat_ws(', ', status, 'slot ' || lane_id || ':' || nonce, 'consumed below ' || mined_nonce) AS found, 'what takes it on' AS expected
FROM judged WHERE moves IS NOT TRUE
