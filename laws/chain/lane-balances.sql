-- chain/lane-balances
-- As of a final block a lane holds what the books have free on it and what has not left it by that block.
-- asks: balances
WITH final AS (
  SELECT a.lane_id, a.nonce, i.block_number, a.kind = 'effect' AND i.succeeded AND i.effect_ok AS paid
  FROM attempt a JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  WHERE i.chain_id = ($1::jsonb ->> 'chain')::bigint AND i.block_number <= ($1::jsonb ->> 'finalized')::bigint
  -- Paid by another's transaction, as two persons decided.
  UNION ALL
  SELECT x.lane_id, x.nonce, x.block_number, true FROM foreign_inclusion x
  JOIN block b ON b.chain_id = x.chain_id AND b.height = x.block_number AND b.hash = x.block_hash
  WHERE x.chain_id = ($1::jsonb ->> 'chain')::bigint AND x.block_number <= ($1::jsonb ->> 'finalized')::bigint AND x.paid
), held AS (
  -- A token as of the finalized block, the native coin as of the end of the lane's last stretch: what came or was paid
  -- since then is booked with the next one. What a lane held at a later block is judged once that is final.
  SELECT l.lane_id, f.at, 'eip155:' || l.chain_id || coalesce('/erc20:0x' || encode(f.token, 'hex'), '/slip44:60') AS asset, f.balance
  FROM jsonb_to_recordset($1::jsonb -> 'balances') AS f(address bytea, token bytea, at bigint, balance numeric)
  JOIN lane l ON l.chain_id = ($1::jsonb ->> 'chain')::bigint AND l.address = f.address
), waiting AS (
  -- Given to a slot and still there by that block: the amount, unless it was given back ..
  SELECT s.lane_id, t.asset, sum(t.amount) AS amount
  FROM held JOIN nonce_slot s USING (lane_id) JOIN tx t ON t.tx_id = s.tx_id AND t.asset = held.asset AND t.payer_authorization IS NULL
  LEFT JOIN withdrawal w ON t.owner_kind = 'withdrawal' AND w.withdrawal_id = t.owner_id
  LEFT JOIN treasury_move m ON t.owner_kind = m.kind AND m.move_id = t.owner_id
  LEFT JOIN final f ON f.lane_id = s.lane_id AND f.nonce = s.nonce AND f.block_number <= held.at
  WHERE f.paid IS NOT TRUE AND coalesce(w.status, '') NOT IN ('REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED')
    -- .. or two persons decided that it has left ..
    AND NOT (coalesce(w.status, '') IN ('COMPLETED', 'RESETTLED') AND f.lane_id IS NOT NULL)
    AND m.outcome IS DISTINCT FROM 'unpaid' GROUP BY 1, 2
  -- .. what came from another wallet by that block and is not booked yet, or is booked and came later ..
  UNION ALL
  SELECT held.lane_id, held.asset, sum(CASE WHEN m.outcome IS NULL THEN m.amount ELSE -m.amount END)
  FROM held JOIN treasury_move m ON m.to_lane = held.lane_id AND m.asset = held.asset
  JOIN tx t ON t.owner_kind = m.kind AND t.owner_id = m.move_id JOIN nonce_slot s ON s.tx_id = t.tx_id
  JOIN final f ON f.lane_id = s.lane_id AND f.nonce = s.nonce AND f.paid
  WHERE (f.block_number <= held.at) = (m.outcome IS NULL) GROUP BY 1, 2
  -- .. and what is set aside for gas.
  UNION ALL
  SELECT h.lane_id, h.asset, a.balance FROM held h JOIN ledger_account a ON a.kind = 'gas_in_transit' AND a.owner = h.lane_id::text AND a.asset = h.asset
), books AS (
  SELECT lane_id, asset, sum(amount) AS balance FROM (
    SELECT * FROM waiting
    UNION ALL
    SELECT h.lane_id, h.asset, r.amount FROM held h JOIN arrival r ON r.lane_id = h.lane_id AND r.asset = h.asset AND r.transfer_id IS NULL
    UNION ALL
    SELECT h.lane_id, h.asset, a.balance FROM held h JOIN ledger_account a ON a.kind = 'hot' AND a.owner = h.lane_id::text AND a.asset = h.asset) parts
  GROUP BY 1, 2
)
SELECT 'lane ' || lane_id || ' in ' || asset AS subject, coalesce(k.balance, 0) || ' by the books' AS found, h.balance || ' on the chain at block ' || h.at AS expected
FROM held h LEFT JOIN books k USING (lane_id, asset)
WHERE coalesce(k.balance, 0) <> h.balance
