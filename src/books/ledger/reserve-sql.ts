/**
 * RESERVE as parts of a caller's statement, for the intake: postings, transfers and balances of a whole flush
 * without their arrays being sent a second time (a third of the flush's cost). `from` names a CTE of
 * (withdrawal_id, transfer_id, tenant_id, account, correlation_id, total, available_no, reserved_no), one
 * row per reserve of generation 1; the accounts are locked already. Writes what post() writes.
 */
export function reserveCtes(from: string): string {
  return `
    reserve_made AS (
      INSERT INTO reserve (withdrawal_id, generation, transfer_id)
      SELECT withdrawal_id, 1, transfer_id FROM ${from}
    ), reserve_moved AS (
      INSERT INTO transfer (transfer_id, tenant_id, kind, account, subject_id, generation, correlation_id)
      SELECT transfer_id, tenant_id, 'RESERVE', account, withdrawal_id, 1, correlation_id FROM ${from}
    ), reserve_posted AS (
      INSERT INTO posting (transfer_id, ordinal, debit_no, credit_no, amount)
      SELECT transfer_id, 0, available_no, reserved_no, total FROM ${from}
    ), reserve_delta AS MATERIALIZED (
      SELECT account_no, sum(amount) AS amount FROM (
        SELECT available_no AS account_no, -total AS amount FROM ${from}
        UNION ALL SELECT reserved_no, total FROM ${from}) sides
      GROUP BY account_no
    ), reserve_changed AS (
      UPDATE ledger_account a SET balance = a.balance + d.amount FROM reserve_delta d
      WHERE a.account_no = d.account_no
    )`;
}
