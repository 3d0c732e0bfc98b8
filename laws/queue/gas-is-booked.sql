-- queue/gas-is-booked
-- Where final slots of a lane or its arrivals are not booked, save what may be a payment under way, or finality passed a height at which lanes are looked at, the lane has the job.
-- asks: main
WITH last AS (
  SELECT l.lane_id, l.chain_id, max(s.to_nonce) AS nonce, max(s.up_to_block) AS height FROM lane l JOIN lane_stretch s USING (lane_id) GROUP BY 1, 2
), due AS (
  SELECT lane_id, 'slots below ' || p.final_nonce || ' are final, below ' || nonce || ' booked' AS found
  FROM last JOIN lane_progress p USING (lane_id) WHERE p.final_nonce > last.nonce
    -- What another's transaction sent is booked when two persons have decided.
    AND NOT EXISTS (SELECT 1 FROM reconciliation_break k WHERE k.kind = 'foreign_payment' AND k.lane_id = last.lane_id AND k.resolved_at IS NULL)
  UNION ALL
  SELECT lane_id, count(*) || ' arrivals are not booked' FROM arrival a WHERE transfer_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM expected_arrival e WHERE e.lane_id = a.lane_id AND e.asset = a.asset AND e.sender = a.sender AND e.amount = a.amount
      AND e.tx_hash IS NULL AND e.lapsed_at IS NULL AND e.expected_at <= a.seen_at) GROUP BY 1
  UNION ALL
  SELECT lane_id, 'finalized is ' || h.finalized || ', looked at up to ' || height
  FROM last JOIN chain_head h USING (chain_id) WHERE h.finalized / 32 > last.height / 32
)
SELECT 'lane ' || d.lane_id AS subject, d.found || ', and no job' AS found, 'a job tx.gas' AS expected
FROM due d
WHERE NOT EXISTS (SELECT 1 FROM job j WHERE j.topic = 'tx.gas' AND j.subject_id = ('00000000-0000-0000-0000-' || lpad(to_hex(d.lane_id), 12, '0'))::uuid)
