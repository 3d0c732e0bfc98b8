-- ledger/one-book
-- Both accounts of a posting exist and are of one asset and of the tenant of their transfer.
-- asks: main
SELECT 'transfer ' || t.transfer_id AS subject,
  concat_ws(' ', t.kind, 'debits', coalesce(concat_ws(' ', d.kind, nullif(d.owner, ''), 'in', d.asset, 'of tenant', d.tenant_id), 'account ' || p.debit_no), 'credits', coalesce(concat_ws(' ', c.kind, nullif(c.owner, ''), 'in', c.asset, 'of tenant', c.tenant_id), 'account ' || p.credit_no)) AS found,
  'two accounts of one asset of tenant ' || t.tenant_id AS expected
FROM transfer t JOIN posting p USING (transfer_id)
LEFT JOIN ledger_account d ON d.account_no = p.debit_no
LEFT JOIN ledger_account c ON c.account_no = p.credit_no
WHERE t.transfer_id >= ($1::jsonb ->> 'since')::uuid
  AND (d.asset IS DISTINCT FROM c.asset OR d.tenant_id IS DISTINCT FROM t.tenant_id OR c.tenant_id IS DISTINCT FROM t.tenant_id
    OR d.account_no IS NULL OR p.amount <= 0)
