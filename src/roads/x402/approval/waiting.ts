import type { Sql } from '../../../base/db/index.ts';
import { type ApprovalRequest, readApprovalRequests } from '../../../books/approval/index.ts';
import { type Policies, readSupersededDecisions } from '../../../books/policy/index.ts';
import { awaitsPersons, lockPayments, type PaymentRow, readPayments } from '../payment/rows.ts';

/** A payment that waits for persons. */
export type Waiting = {
  payment: PaymentRow;
  /** The one that they were asked about. */
  decisionId: string;
  request: ApprovalRequest;
  /**
   * Something that tightens came after the policy that decided; after the configuration, a document that is about
   * payments.
   */
  superseded: boolean;
};

/** Those of them that wait, as they are now. */
export async function readWaiting(
  { policies }: { policies: Policies },
  sql: Sql,
  ids: readonly string[],
): Promise<Waiting[]> {
  const rows = [...(await readPayments(sql, ids)).values()].filter(awaitsPersons);
  if (rows.length === 0) return [];
  const requests = await readApprovalRequests(
    sql,
    rows.map(({ id }) => id),
  );
  const byDocument = ({ content }: ApprovalRequest) => content.policyVersion.startsWith('policy:');
  const superseded = await readSupersededDecisions(
    sql,
    [...requests.values()].filter(byDocument).map(({ decisionId }) => decisionId),
  );
  const ruled = (await policies.present(sql))?.judgesPayments === true;
  return rows.map((payment) => {
    const request = requests.get(payment.id)!;
    const { decisionId } = request;
    const over = byDocument(request) ? superseded.has(decisionId) : ruled;
    return { payment, decisionId, request, superseded: over };
  });
}

/** The same, locked to the end of the transaction. */
export async function lockWaiting(
  context: { policies: Policies },
  sql: Sql,
  ids: readonly string[],
): Promise<Waiting[]> {
  await lockPayments(sql, ids);
  return readWaiting(context, sql, ids);
}
