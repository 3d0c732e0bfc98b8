import type { ApprovalSettings } from '../../base/config/index.ts';
import { advance, type Db, inTransaction, type Sql } from '../../base/db/index.ts';
import { writeAudit } from '../../base/event/index.ts';
import { APPROVAL, type Refusal, refuse } from '../../base/kernel/index.ts';
import { enqueue } from '../../base/queue/index.ts';
import { type Approval, countedOf, judgeApproval } from './check/judge.ts';
import { tallyOf } from './check/quorum.ts';
import { type ApprovalRequest, approvalRequestForUpdate } from './requests.ts';
import { APPROVAL_TOPICS } from './topics.ts';

type Asked = { tenantId: string; ownerId: string };

const NONE = refuse('not_found', 'Nobody was asked to approve this.');

/**
 * Takes one approver's signature. The last one that is needed moves the request and wakes the road, in the same act.
 * The same approver again is told what is, and changes nothing. A crash before the COMMIT leaves nothing.
 */
export async function giveApproval(
  db: Db,
  settings: ApprovalSettings,
  { tenantId, ownerId, approval }: Asked & { approval: Approval },
): Promise<ApprovalRequest | Refusal> {
  return inTransaction(db, async (sql) => {
    const request = await approvalRequestForUpdate(sql, tenantId, ownerId);
    if (request === null) return NONE;
    if (request.approvals.some(({ approverId }) => approverId === approval.approverId)) {
      return request;
    }
    const closed = closedBecause(request);
    if (closed !== null) return closed;
    const fault = judgeApproval(settings, request.content, approval);
    if (fault !== null) return refuse(fault.code, `${fault.message}.`);
    await approvalInsert(sql, request.requestId, approval);
    const approvals = [...request.approvals, approval];
    if (
      tallyOf(request.requirements, settings.groups, countedOf(settings, { ...request, approvals }))
        .met
    ) {
      await end(sql, request, 'APPROVED');
    }
    return (await approvalRequestForUpdate(sql, tenantId, ownerId))!;
  });
}

/** Ends a request by a no; what it was about is then ended by its road, and its money released. */
export async function rejectApproval(
  db: Db,
  { tenantId, ownerId, by, reason }: Asked & { by: string; reason: string },
): Promise<ApprovalRequest | Refusal> {
  return inTransaction(db, async (sql) => {
    const request = await approvalRequestForUpdate(sql, tenantId, ownerId);
    if (request === null) return NONE;
    const closed = closedBecause(request);
    if (closed !== null) return closed;
    await sql.query({
      name: 'approval_reject',
      text: 'INSERT INTO approval_rejection (request_id, rejected_by, reason) VALUES ($1, $2, $3)',
      values: [request.requestId, by, reason],
    });
    const { requestId, correlationId, ownerKind } = request;
    const act = { tenantId, actor: by, subject: ownerId, correlationId };
    const detail = { requestId, ownerKind, reason };
    await writeAudit(sql, [{ ...act, action: 'approval.rejected', detail }]);
    await end(sql, request, 'REJECTED');
    return (await approvalRequestForUpdate(sql, tenantId, ownerId))!;
  });
}

function closedBecause(request: ApprovalRequest): Refusal | null {
  if (request.status !== 'PENDING') {
    return refuse('approval_closed', `The request is ${request.status} already.`);
  }
  return request.expired
    ? refuse('approval_expired', 'The time for approvals is over; the payment ends unpaid.')
    : null;
}

/** The request is locked by the caller. */
async function end(sql: Sql, request: ApprovalRequest, to: 'APPROVED' | 'REJECTED'): Promise<void> {
  await advance(sql, APPROVAL, [{ id: request.requestId, from: 'PENDING', to }]);
  const { approved, ended } = APPROVAL_TOPICS[request.ownerKind];
  await enqueue(sql, [
    {
      topic: to === 'APPROVED' ? approved : ended,
      subjectId: request.ownerId,
      tenantId: request.tenantId,
      trace: request.correlationId,
    },
  ]);
}

async function approvalInsert(sql: Sql, requestId: string, approval: Approval): Promise<void> {
  const { signature, passkey } = approval.proof;
  await sql.query({
    name: 'approval_insert',
    text: `INSERT INTO approval (request_id, approver_id, signature, authenticator_data, client_data)
      VALUES ($1, $2, $3, $4, $5)`,
    values: [
      requestId,
      approval.approverId,
      signature,
      passkey?.authenticatorData ?? null,
      passkey?.clientData ?? null,
    ],
  });
}
