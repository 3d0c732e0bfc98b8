-- tx/own-moves
-- A top-up or sweep has one tx, which wants its amount for its wallet, from its lane and no other; no other tx is between wallets.
-- asks: main
WITH wanted AS (
  SELECT m.*, l.address FROM treasury_move m JOIN lane l ON l.lane_id = m.to_lane WHERE m.move_id >= ($1::jsonb ->> 'since')::uuid
), found AS (
  SELECT t.*, s.lane_id, count(*) OVER (PARTITION BY t.owner_id) AS others FROM tx t LEFT JOIN nonce_slot s USING (tx_id)
  WHERE (t.owner_kind IN ('topup', 'sweep') OR t.to_lane IS NOT NULL) AND t.owner_id >= ($1::jsonb ->> 'since')::uuid
)
SELECT 'move ' || coalesce(m.move_id, t.owner_id) AS subject,
  CASE WHEN t.tx_id IS NULL THEN 'no tx' ELSE concat_ws(' ', t.owner_kind, t.amount, t.asset, 'to 0x' || encode(t.recipient, 'hex'), 'from lane', coalesce(t.lane_id, t.from_lane), 'to lane', t.to_lane) END AS found,
  CASE WHEN m.move_id IS NULL THEN 'a move' WHEN t.others > 1 THEN 'one tx'
    ELSE concat_ws(' ', m.kind, m.amount, m.asset, 'to 0x' || encode(m.address, 'hex'), 'from lane', m.from_lane, 'to lane', m.to_lane) END AS expected
FROM wanted m FULL JOIN found t ON t.owner_id = m.move_id
WHERE m.move_id IS NULL OR t.tx_id IS NULL OR t.others > 1 OR t.tenant_id <> m.tenant_id OR t.owner_kind <> m.kind OR t.amount <> m.amount
  OR t.asset <> m.asset OR t.recipient <> m.address OR t.from_lane IS DISTINCT FROM m.from_lane OR t.to_lane IS DISTINCT FROM m.to_lane OR coalesce(t.lane_id, m.from_lane) <> m.from_lane
  OR t.asset <> 'eip155:' || t.chain_id || CASE WHEN t.token IS NULL THEN '/slip44:60' ELSE '/erc20:0x' || encode(t.token, 'hex') END
