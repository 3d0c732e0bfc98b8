-- ledger/posting-kinds
-- A transfer moves only between the kinds of account that its own kind may move between.
-- asks: main
WITH allowed (kind, debit, credit) AS (VALUES
  ('DEPOSIT', 'custody', 'available'),
  ('FUND', 'hot', 'custody'), ('FUND', 'hot', 'capital'), ('FUND', 'hot', 'in_transit'), ('FUND', 'hot', 'expected'),
  ('RESERVE', 'available', 'reserved'),
  ('ASSIGN', 'in_transit', 'hot'), ('ASSIGN', 'gas_in_transit', 'hot'),
  ('COMMIT', 'reserved', 'in_transit'), ('COMMIT', 'reserved', 'revenue'),
  ('RELEASE', 'reserved', 'available'),
  ('UNASSIGN', 'hot', 'in_transit'),
  ('REVERSE', 'in_transit', 'reserved'), ('REVERSE', 'revenue', 'reserved'), ('REVERSE', 'receivable', 'reserved'),
  ('GAS', 'network_fee_expense', 'gas_in_transit'), ('GAS', 'hot', 'gas_in_transit'), ('GAS', 'network_fee_expense', 'hot'),
  ('EXPECT', 'expected', 'pending'), ('LAPSE', 'pending', 'expected'),
  ('EARN', 'pending', 'available'), ('EARN', 'pending', 'receivable'), ('UNEARN', 'available', 'pending'), ('UNEARN', 'receivable', 'pending'),
  ('ADJUST', 'suspense', 'hot'), ('ADJUST', 'hot', 'suspense'))
SELECT 'transfer ' || t.transfer_id AS subject, t.kind || ' debits ' || d.kind || ', credits ' || c.kind AS found,
  (SELECT string_agg(debit || ' from ' || credit, ' or ') FROM allowed WHERE allowed.kind = t.kind) AS expected
FROM transfer t JOIN posting p USING (transfer_id)
JOIN ledger_account d ON d.account_no = p.debit_no JOIN ledger_account c ON c.account_no = p.credit_no
LEFT JOIN allowed a ON a.kind = t.kind AND a.debit = d.kind AND a.credit = c.kind
WHERE t.transfer_id >= ($1::jsonb ->> 'since')::uuid AND a.kind IS NULL
