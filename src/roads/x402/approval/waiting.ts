import type { Sql } from '../../../base/db/index.ts';
import { type ApprovalRequest, readApprovalRequests } from '../../../books/approval/index.ts';
import { readSupersededDecisions } from '../../../books/policy/index.ts';
import { awaitsPersons, lockPayments, type PaymentRow, readPayments } from '../payment/rows.ts';

/** A payment that waits for persons. */
export type Waiting = {
  payment: PaymentRow;
  /** The one that they were asked about. */
  decisionId: string;
  request: ApprovalRequest;
  /** Something that tightens came after the policy that decided. What the configuration decided stays good. */
  superseded: boolean;
};

/** Those of them that wait, as they are now. */
export async function readWaiting(sql: Sql, ids: readonly string[]): Promise<Waiting[]> {
  const rows = [...(await readPayments(sql, ids)).values()].filter(awaitsPersons);
  if (rows.length === 0) return [];
  const requests = await readApprovalRequests(
    sql,
    rows.map(({ id }) => id),
  );
  const superseded = await readSupersededDecisions(
    sql,
    [...requests.values()]
      .filter(({ content }) => content.policyVersion.startsWith('policy:'))
      .map(({ decisionId }) => decisionId),
  );
  return rows.map((payment) => {
    const request = requests.get(payment.id)!;
    const { decisionId } = request;
    return { payment, decisionId, request, superseded: superseded.has(decisionId) };
  });
}

/** The same, locked to the end of the transaction. */
export async function lockWaiting(sql: Sql, ids: readonly string[]): Promise<Waiting[]> {
  await lockPayments(sql, ids);
  return readWaiting(sql, ids);
}
