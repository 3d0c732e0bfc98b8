-- queue/gas-is-booked
-- Where the final gas of a slot is not booked, its lane has the job for it.
-- asks: main
SELECT 'lane ' || s.lane_id AS subject, count(*) || ' slots from nonce ' || min(s.nonce) || ' and no job' AS found, 'a job tx.gas' AS expected
FROM nonce_slot s JOIN lane_progress p USING (lane_id) JOIN chain_head h USING (chain_id)
WHERE s.nonce < p.mined_nonce
  AND NOT EXISTS (SELECT 1 FROM slot_gas g WHERE g.lane_id = s.lane_id AND g.nonce = s.nonce)
  AND NOT EXISTS (SELECT 1 FROM job j WHERE j.topic = 'tx.gas' AND j.subject_id = ('00000000-0000-0000-0000-' || lpad(to_hex(s.lane_id), 12, '0'))::uuid)
  AND EXISTS (SELECT 1 FROM attempt a JOIN inclusion i USING (attempt_id)
    JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
    WHERE a.lane_id = s.lane_id AND a.nonce = s.nonce AND i.block_number <= h.finalized)
GROUP BY s.lane_id
