/**
 * RESERVE as parts of a caller's statement, for the intake: transfers and balances of a whole flush without
 * their arrays being sent a second time (a third of the flush's cost). `from` names a CTE of (withdrawal_id,
 * tenant_id, account, correlation_id, total, account_no), one row per reserve of generation 1; account_no
 * is that of `available`, and the rows are locked already. Writes what post() writes. The transfer of
 * generation 1 has the id of its withdrawal.
 */
export function reserveCtes(from: string): string {
  return `
    reserve_made AS (
      INSERT INTO reserve (withdrawal_id, generation, transfer_id)
      SELECT withdrawal_id, 1, withdrawal_id FROM ${from}
    ), reserve_moved AS (
      INSERT INTO transfer (transfer_id, tenant_id, kind, account, subject_id, generation, correlation_id,
        debit_nos, credit_nos, amounts)
      SELECT withdrawal_id, tenant_id, 'RESERVE', account, withdrawal_id, 1, correlation_id,
        ARRAY[account_no], ARRAY[account_no + 1], ARRAY[total] FROM ${from}
    ), reserve_delta AS MATERIALIZED (
      SELECT account_no, sum(total) AS amount FROM ${from} GROUP BY account_no
    ), reserve_changed AS (
      UPDATE ledger_balance b SET balance = b.balance - d.amount, reserved = b.reserved + d.amount
      FROM reserve_delta d WHERE b.account_no = d.account_no
    )`;
}
