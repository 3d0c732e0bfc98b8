-- queue/jobs-have-subjects
-- Every job is about a row that exists.
-- asks: main
SELECT 'job ' || j.topic || ' ' || j.subject_id AS subject, 'nothing of this id' AS found, 'its subject' AS expected
FROM job j
WHERE NOT CASE split_part(j.topic, '.', 1) || '.' || CASE WHEN j.topic IN ('tx.send', 'tx.gas') THEN split_part(j.topic, '.', 2) ELSE '' END
  WHEN 'withdrawal.' THEN EXISTS (SELECT 1 FROM withdrawal w WHERE w.withdrawal_id = j.subject_id)
  WHEN 'payment.' THEN EXISTS (SELECT 1 FROM payment p WHERE p.payment_id = j.subject_id)
  WHEN 'gateway.' THEN EXISTS (SELECT 1 FROM gateway_call c WHERE c.call_id = j.subject_id)
  WHEN 'payout.' THEN EXISTS (SELECT 1 FROM payout_order o WHERE o.order_id = j.subject_id)
  WHEN 'refund.' THEN EXISTS (SELECT 1 FROM refund r WHERE r.refund_id = j.subject_id)
  WHEN 'topup.' THEN EXISTS (SELECT 1 FROM treasury_move m WHERE m.move_id = j.subject_id AND m.kind = 'topup')
  WHEN 'sweep.' THEN EXISTS (SELECT 1 FROM treasury_move m WHERE m.move_id = j.subject_id AND m.kind = 'sweep')
  WHEN 'tx.' THEN EXISTS (SELECT 1 FROM tx t WHERE t.tx_id = j.subject_id)
  WHEN 'tx.send' THEN EXISTS (SELECT 1 FROM attempt a WHERE a.attempt_id = j.subject_id)
  WHEN 'tx.gas' THEN EXISTS (SELECT 1 FROM lane l WHERE j.subject_id = ('00000000-0000-0000-0000-' || lpad(to_hex(l.lane_id), 12, '0'))::uuid)
  ELSE true END
