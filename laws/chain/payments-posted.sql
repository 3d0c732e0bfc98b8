-- chain/payments-posted
-- Everything of value that left a lane is one posting of the ledger, of its slot and of equal amount, or of a break.
-- asks: walk
WITH moved AS (
  SELECT f.hash, f.token, f."from", f.amount FROM jsonb_to_recordset($1::jsonb -> 'transfers') AS f(hash bytea, token bytea, "from" bytea, "to" bytea, amount numeric, height bigint)
  UNION ALL
  SELECT f.hash, NULL, f."from", f.value FROM jsonb_to_recordset($1::jsonb -> 'transactions') AS f(hash bytea, "from" bytea, nonce bigint, "to" bytea, value numeric, plain boolean,
    recipient bytea, amount numeric, height bigint, succeeded boolean) WHERE f.value > 0 AND f.succeeded
), slots AS MATERIALIZED (
  SELECT m.*, a.tx_id, s.lane_id, s.created_at FROM moved m
  JOIN attempt a ON a.chain_id = ($1::jsonb ->> 'chain')::bigint AND a.tx_hash = m.hash
  JOIN nonce_slot s ON s.lane_id = a.lane_id AND s.nonce = a.nonce
), assigned AS MATERIALIZED (
  -- Posted in the transaction that gave the slot: the bounds spare a walk through all transfers for each page.
  SELECT t.transfer_id, t.subject_id FROM transfer t
  WHERE t.kind = 'ASSIGN'
    AND t.transfer_id >= payonce_uuid_at((SELECT min(created_at) FROM slots) - interval '1 minute')
    AND t.transfer_id < payonce_uuid_at((SELECT max(created_at) FROM slots) + interval '10 minutes')
), posted AS MATERIALIZED (
  SELECT s.tx_id, c.owner, c.asset, p.amount FROM (SELECT DISTINCT tx_id FROM slots) s JOIN assigned a ON a.subject_id = s.tx_id
  JOIN posting p ON p.transfer_id = a.transfer_id
  JOIN ledger_account c ON c.account_no = p.credit_no JOIN ledger_account d ON d.account_no = p.debit_no
  WHERE d.kind = 'in_transit'
)
SELECT 'transaction 0x' || encode(s.hash, 'hex') AS subject,
  coalesce(string_agg('posted ' || p.amount || ' of ' || p.asset || ' from lane ' || p.owner, ' and '), 'not posted') AS found,
  'posted ' || s.amount || ' of eip155:' || ($1::jsonb ->> 'chain')::bigint || coalesce('/erc20:0x' || encode(s.token, 'hex'), '/slip44:60') || ' from lane ' || s.lane_id AS expected
FROM slots s LEFT JOIN posted p USING (tx_id)
WHERE NOT EXISTS (SELECT 1 FROM reconciliation_break k WHERE k.kind = 'effect_mismatch' AND k.subject_id = s.tx_id)
GROUP BY s.hash, s.token, s.amount, s.lane_id
HAVING count(p.tx_id) <> 1 OR bool_or(p.amount <> s.amount OR p.owner <> s.lane_id::text
  OR p.asset <> 'eip155:' || ($1::jsonb ->> 'chain')::bigint || coalesce('/erc20:0x' || encode(s.token, 'hex'), '/slip44:60'))
