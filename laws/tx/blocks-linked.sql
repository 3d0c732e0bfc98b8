-- tx/blocks-linked
-- The blocks of a chain follow each other by parent hash, without a gap, up to its head.
-- asks: main
SELECT 'block ' || b.chain_id || ':' || b.height AS subject, 'parent 0x' || encode(b.parent_hash, 'hex') AS found,
  coalesce('0x' || encode(p.hash, 'hex'), 'a block below') AS expected
FROM block b LEFT JOIN block p ON p.chain_id = b.chain_id AND p.height = b.height - 1
WHERE b.parent_hash IS DISTINCT FROM p.hash AND b.height > (SELECT min(height) FROM block f WHERE f.chain_id = b.chain_id)
UNION ALL
SELECT 'chain ' || h.chain_id, 'head ' || h.latest, 'head ' || coalesce(b.highest::text, 'none')
FROM chain_head h LEFT JOIN (SELECT chain_id, max(height) AS highest FROM block GROUP BY 1) b USING (chain_id)
WHERE h.latest IS DISTINCT FROM b.highest
