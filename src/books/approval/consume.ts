import type { ApprovalSettings } from '../../base/config/index.ts';
import { advance, type Sql } from '../../base/db/index.ts';
import { APPROVAL, type ApprovalState } from '../../base/kernel/index.ts';
import { type Tally, tallyOf } from './check/quorum.ts';
import { readApprovalRequests } from './requests.ts';

/** Of these owners those that have what was asked for, by the decision that they have now. */
export async function approvedOwners(
  sql: Sql,
  owners: readonly { ownerId: string; decisionId: string | null }[],
): Promise<Set<string>> {
  if (owners.length === 0) return new Set();
  const { rows } = await sql.query<{ owner_id: string }>({
    name: 'approval_approved_owners',
    text: `SELECT r.owner_id FROM unnest($1::uuid[], $2::uuid[]) AS u(owner_id, decision_id)
      JOIN approval_request r USING (owner_id, decision_id)
      WHERE r.status = 'APPROVED' AND r.expiry > extract(epoch FROM clock_timestamp())`,
    values: [owners.map(({ ownerId }) => ownerId), owners.map(({ decisionId }) => decisionId)],
  });
  return new Set(rows.map((row) => row.owner_id));
}

/**
 * Uses up the approvals of decisions for the transactions that they permit, in the act that opens these. An approval
 * that was used before is an error of the database.
 */
export async function consumeApprovals(
  sql: Sql,
  used: readonly { decisionId: string; txId: string }[],
): Promise<void> {
  if (used.length === 0) return;
  await sql.query({
    name: 'approval_consume',
    text: `INSERT INTO approval_consumed (approval_id, tx_id)
      SELECT a.approval_id, u.tx_id FROM unnest($1::uuid[], $2::uuid[]) AS u(decision_id, tx_id)
      JOIN approval_request r USING (decision_id) JOIN approval a USING (request_id)`,
    values: [used.map(({ decisionId }) => decisionId), used.map(({ txId }) => txId)],
  });
}

/** Ends what still waits about these owners, in the act that ends them. */
export async function closeApprovalRequests(
  sql: Sql,
  ownerIds: readonly string[],
  to: Extract<ApprovalState, 'EXPIRED' | 'CANCELLED'>,
): Promise<void> {
  if (ownerIds.length === 0) return;
  const { rows } = await sql.query<{ id: string }>({
    name: 'approval_request_of_owners',
    text: `SELECT request_id AS id FROM approval_request
      WHERE owner_id = ANY($1::uuid[]) AND status = 'PENDING' ORDER BY request_id FOR UPDATE`,
    values: [ownerIds],
  });
  if (rows.length === 0) return;
  await advance(
    sql,
    APPROVAL,
    rows.map(({ id }) => ({ id, from: 'PENDING' as const, to })),
  );
}

/** How many approvals were asked for and are there, by owner; none was asked about one that is absent. */
export async function readTallies(
  sql: Sql,
  groups: ApprovalSettings['groups'],
  ownerIds: readonly string[],
): Promise<Map<string, Tally>> {
  const requests = await readApprovalRequests(sql, ownerIds);
  return new Map(
    [...requests].map(([ownerId, { requirements, approvals }]) => [
      ownerId,
      tallyOf(
        requirements,
        groups,
        approvals.map(({ approverId }) => approverId),
      ),
    ]),
  );
}
