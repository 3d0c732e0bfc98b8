-- chain/lane-balances
-- As of the finalized block a lane holds what the books have free on it and what has not left it by that block.
-- asks: balances
WITH final AS (
  SELECT a.lane_id, a.nonce, a.kind = 'effect' AND i.succeeded AND i.effect_ok AS paid, i.gas_used * i.effective_gas_price AS cost
  FROM attempt a JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  WHERE i.chain_id = ($1::jsonb ->> 'chain')::bigint AND i.block_number <= ($1::jsonb ->> 'finalized')::bigint
), begun AS (
  -- A lane's books begin with what it held at its adoption, perhaps after the finalized block: judged once that is past.
  SELECT l.* FROM lane l JOIN block b ON b.chain_id = l.chain_id AND b.height = ($1::jsonb ->> 'finalized')::bigint
  WHERE l.chain_id = ($1::jsonb ->> 'chain')::bigint AND (b.mined_at > l.created_at OR EXISTS (SELECT 1 FROM final f WHERE f.lane_id = l.lane_id))
), waiting AS (
  -- Given to a slot and still there by that block: the amount, unless it was given back ..
  SELECT s.lane_id, t.asset, sum(t.amount) AS amount
  FROM nonce_slot s JOIN begun USING (lane_id) JOIN tx t USING (tx_id)
  LEFT JOIN withdrawal w ON t.owner_kind = 'withdrawal' AND w.withdrawal_id = t.owner_id
  LEFT JOIN treasury_move m ON t.owner_kind = m.kind AND m.move_id = t.owner_id
  LEFT JOIN final f ON f.lane_id = s.lane_id AND f.nonce = s.nonce
  WHERE f.paid IS NOT TRUE AND coalesce(w.status, '') NOT IN ('REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED')
    AND m.outcome IS DISTINCT FROM 'unpaid' GROUP BY 1, 2
  -- .. what came from another lane by that block and is not booked here yet ..
  UNION ALL
  SELECT m.to_lane, m.asset, sum(m.amount)
  FROM treasury_move m JOIN begun ON begun.lane_id = m.to_lane JOIN tx t ON t.owner_kind = m.kind AND t.owner_id = m.move_id
  JOIN nonce_slot s ON s.tx_id = t.tx_id JOIN final f ON f.lane_id = s.lane_id AND f.nonce = s.nonce
  WHERE f.paid AND m.outcome IS NULL GROUP BY 1, 2
  -- .. and the gas, less what was paid of it.
  UNION ALL
  SELECT s.lane_id, 'eip155:' || s.chain_id || '/slip44:60', sum(s.gas_reserved - coalesce(f.cost, 0))
  FROM nonce_slot s JOIN begun USING (lane_id) LEFT JOIN final f ON f.lane_id = s.lane_id AND f.nonce = s.nonce
  WHERE NOT EXISTS (SELECT 1 FROM slot_gas g WHERE g.lane_id = s.lane_id AND g.nonce = s.nonce) GROUP BY 1, 2
), books AS (
  SELECT lane_id, asset, sum(amount) AS balance FROM (
    SELECT * FROM waiting
    UNION ALL
    SELECT b.lane_id, a.asset, a.balance FROM begun b JOIN ledger_account a ON a.kind = 'hot' AND a.owner = b.lane_id::text) parts
  GROUP BY 1, 2
), held AS (
  SELECT b.lane_id, 'eip155:' || ($1::jsonb ->> 'chain')::bigint || coalesce('/erc20:0x' || encode(f.token, 'hex'), '/slip44:60') AS asset, f.balance
  FROM jsonb_to_recordset($1::jsonb -> 'balances') AS f(address bytea, token bytea, balance numeric) JOIN begun b USING (address)
)
SELECT 'lane ' || lane_id || ' in ' || asset AS subject, coalesce(k.balance, 0) || ' by the books' AS found, coalesce(h.balance, 0) || ' on the chain' AS expected
FROM books k FULL JOIN held h USING (lane_id, asset)
WHERE coalesce(k.balance, 0) <> coalesce(h.balance, 0)
