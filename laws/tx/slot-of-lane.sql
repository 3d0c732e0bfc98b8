-- tx/slot-of-lane
-- A slot, its lane and its tx are of one chain and one tenant, and its sender is the lane's address.
-- asks: main
SELECT 'slot ' || s.lane_id || ':' || s.nonce AS subject,
  concat_ws(' ', 'chain', s.chain_id, 'from 0x' || encode(s.from_address, 'hex'), 'tx of chain', t.chain_id, 'of tenant', t.tenant_id) AS found,
  concat_ws(' ', 'chain', l.chain_id, 'from 0x' || encode(l.address, 'hex'), 'tenant', l.tenant_id) AS expected
FROM nonce_slot s LEFT JOIN lane l USING (lane_id) LEFT JOIN tx t USING (tx_id)
WHERE s.tx_id >= ($1::jsonb ->> 'since')::uuid AND (l.lane_id IS NULL OR t.tx_id IS NULL OR s.chain_id <> l.chain_id OR s.from_address <> l.address
  OR t.chain_id <> l.chain_id OR t.tenant_id <> l.tenant_id)
