-- chain/same-blocks
-- Up to the finalized block the chain shows the blocks that the books hold as canonical.
-- asks: walk
SELECT 'block ' || b.chain_id || ':' || b.height AS subject, '0x' || encode(b.hash, 'hex') AS found, '0x' || encode(f.hash, 'hex') AS expected
FROM jsonb_to_recordset($1::jsonb -> 'blocks') AS f(height bigint, hash bytea)
JOIN block b ON b.chain_id = ($1::jsonb ->> 'chain')::bigint AND b.height = f.height
WHERE b.hash <> f.hash
