import type { Requirement } from '../../base/config/index.ts';
import { HEX_BYTES, type Sql } from '../../base/db/index.ts';
import { type ApprovalContent, approvalDigest } from '../../base/effect/index.ts';
import { type Address, type ApprovalState, fromHex, type Hex } from '../../base/kernel/index.ts';
import { enqueue } from '../../base/queue/index.ts';
import type { Approval } from './check/judge.ts';
import { APPROVAL_TOPICS, type ApprovalOwner } from './topics.ts';

/** One payment to ask persons about. `content` but for the expiry, which the database's clock gives. */
export type NewApprovalRequest = {
  tenantId: string;
  ownerKind: ApprovalOwner;
  ownerId: string;
  decisionId: string;
  /** Each of them must be met. */
  requirements: readonly Requirement[];
  content: Omit<ApprovalContent, 'expiry'>;
  /** Null, or when what is asked about ends anyway. */
  endsAt: Date | null;
  correlationId: string;
};

/**
 * Asks for approvals, in the act that makes the owner wait for them. Whoever is not answered in time is answered by
 * the job that is written here. A decision that was asked about before is an error of the database.
 */
export async function openApprovalRequests(
  sql: Sql,
  wanted: readonly NewApprovalRequest[],
  { expireAfterMs }: { expireAfterMs: number },
): Promise<void> {
  if (wanted.length === 0) return;
  const { rows } = await sql.query<{ owner_id: string; left_ms: number }>({
    name: 'approval_request_open',
    text: `
      WITH opened AS (
        INSERT INTO approval_request (tenant_id, owner_id, decision_id, requirements, wallet_group, chain_id, asset,
          recipient, amount, fee_cap, intent_id, policy_version, initiator, correlation_id, owner_kind, expiry, status)
        SELECT tenant_id, owner_id, decision_id, requirements, wallet_group, chain_id, asset, recipient, amount,
          fee_cap, intent_id, policy_version, initiator, correlation_id, nullif(owner_kind, 'withdrawal'),
          floor(extract(epoch FROM least(now() + $16 * interval '1 millisecond', ends_at)))::bigint, 'PENDING'
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::jsonb[], $5::text[], $6::bigint[], $7::text[],
          $8::bytea[], $9::numeric[], $10::numeric[], $11::bytea[], $12::text[], $13::text[], $14::timestamptz[],
          $15::text[], $17::text[]) AS u(tenant_id, owner_id, decision_id, requirements, wallet_group, chain_id, asset, recipient,
            amount, fee_cap, intent_id, policy_version, initiator, ends_at, correlation_id, owner_kind)
        RETURNING request_id, tenant_id, owner_id, correlation_id, expiry
      ), logged AS (
        INSERT INTO event_batch (tenant_id, type, to_state, size, subject_ids, owner_ids, correlation_ids)
        SELECT tenant_id, 'approval', 'PENDING', count(*), array_agg(request_id), array_agg(owner_id),
          array_agg(correlation_id)
        FROM opened GROUP BY tenant_id
      )
      SELECT owner_id, greatest(0, (expiry - extract(epoch FROM now())) * 1000)::float8 AS left_ms FROM opened`,
    values: [
      wanted.map((one) => one.tenantId),
      wanted.map((one) => one.ownerId),
      wanted.map((one) => one.decisionId),
      wanted.map((one) => JSON.stringify(one.requirements)),
      wanted.map(({ content }) => content.walletGroup),
      wanted.map(({ content }) => content.chainId),
      wanted.map(({ content }) => content.asset),
      wanted.map(({ content }) => fromHex(content.to)),
      wanted.map(({ content }) => content.amount),
      wanted.map(({ content }) => content.feeCap),
      wanted.map(({ content }) => fromHex(content.intentId)),
      wanted.map(({ content }) => content.policyVersion),
      wanted.map(({ content }) => content.initiator),
      wanted.map((one) => one.endsAt),
      wanted.map((one) => one.correlationId),
      expireAfterMs,
      wanted.map((one) => one.ownerKind),
    ],
  });
  const leftMs = new Map(rows.map((row) => [row.owner_id, row.left_ms]));
  await enqueue(
    sql,
    wanted.map((one) => ({
      topic: APPROVAL_TOPICS[one.ownerKind].ended,
      subjectId: one.ownerId,
      tenantId: one.tenantId,
      trace: one.correlationId,
      delayMs: leftMs.get(one.ownerId) ?? 0,
    })),
  );
}

export type ApprovalRequest = {
  requestId: string;
  tenantId: string;
  ownerKind: ApprovalOwner;
  ownerId: string;
  decisionId: string;
  requirements: Requirement[];
  content: ApprovalContent;
  digest: Hex;
  status: ApprovalState;
  /** Its expiry has passed, by the database's clock at the time of reading. */
  expired: boolean;
  approvals: (Approval & { approvalId: string; at: Date })[];
  rejection: { by: string; reason: string; at: Date } | null;
  correlationId: string;
  createdAt: Date;
};

type Row = {
  request_id: string;
  tenant_id: string;
  owner_kind: Exclude<ApprovalOwner, 'withdrawal'> | null;
  owner_id: string;
  decision_id: string;
  requirements: Requirement[];
  wallet_group: string;
  chain_id: bigint;
  asset: string;
  recipient: Address;
  amount: bigint;
  fee_cap: bigint;
  intent_id: Hex;
  policy_version: string;
  initiator: string;
  expiry: bigint;
  correlation_id: string;
  created_at: Date;
  status: ApprovalState;
  expired: boolean;
  rejected_by: string | null;
  reason: string | null;
  rejected_at: Date | null;
};

const REQUEST = `SELECT r.*, r.expiry <= extract(epoch FROM clock_timestamp()) AS expired, j.rejected_by, j.reason,
    j.created_at AS rejected_at
  FROM approval_request r LEFT JOIN approval_rejection j USING (request_id)`;

/** Of each owner the newest request. */
export async function readApprovalRequests(
  sql: Sql,
  ownerIds: readonly string[],
): Promise<Map<string, ApprovalRequest>> {
  if (ownerIds.length === 0) return new Map();
  const { rows } = await sql.query<Row>({
    name: 'approval_request_read',
    types: HEX_BYTES,
    text: `SELECT DISTINCT ON (owner_id) * FROM (${REQUEST} WHERE r.owner_id = ANY($1::uuid[])) q
      ORDER BY owner_id, request_id DESC`,
    values: [ownerIds],
  });
  return new Map((await withApprovals(sql, rows)).map((one) => [one.ownerId, one]));
}

/** Those of a tenant that wait, newest first. No request waits for more than 30 days. */
export async function listPendingApprovals(
  sql: Sql,
  tenantId: string,
  page: { limit: number; before: string | null },
): Promise<ApprovalRequest[]> {
  const { rows } = await sql.query<Row>({
    name: 'approval_request_pending',
    types: HEX_BYTES,
    text: `${REQUEST} WHERE r.tenant_id = $1 AND r.status = 'PENDING'
        AND r.request_id > payonce_uuid_at(now() - interval '31 days')
        AND ($2::uuid IS NULL OR r.request_id < $2)
      ORDER BY r.request_id DESC LIMIT $3`,
    values: [tenantId, page.before, page.limit],
  });
  return withApprovals(sql, rows);
}

/** The newest request about an owner, locked to the end of the transaction. */
export async function approvalRequestForUpdate(
  sql: Sql,
  tenantId: string,
  ownerId: string,
): Promise<ApprovalRequest | null> {
  const { rows } = await sql.query<Row>({
    name: 'approval_request_for_update',
    types: HEX_BYTES,
    text: `${REQUEST} WHERE r.owner_id = $1 AND r.tenant_id = $2 ORDER BY r.request_id DESC LIMIT 1
      FOR UPDATE OF r`,
    values: [ownerId, tenantId],
  });
  return (await withApprovals(sql, rows))[0] ?? null;
}

type ApprovalRow = {
  approval_id: string;
  request_id: string;
  approver_id: string;
  signature: Buffer;
  authenticator_data: Buffer | null;
  client_data: Buffer | null;
  created_at: Date;
};

async function withApprovals(sql: Sql, rows: readonly Row[]): Promise<ApprovalRequest[]> {
  if (rows.length === 0) return [];
  const given = await sql.query<ApprovalRow>({
    name: 'approval_of_requests',
    text: `SELECT * FROM approval WHERE request_id = ANY($1::uuid[]) ORDER BY approval_id`,
    values: [rows.map((row) => row.request_id)],
  });
  return rows.map((row) => {
    const approvals = given.rows.filter(({ request_id }) => request_id === row.request_id);
    return requestOf(row, approvals);
  });
}

function requestOf(row: Row, approvals: readonly ApprovalRow[]): ApprovalRequest {
  const content: ApprovalContent = {
    chainId: Number(row.chain_id),
    walletGroup: row.wallet_group,
    asset: row.asset,
    to: row.recipient,
    amount: row.amount,
    feeCap: row.fee_cap,
    intentId: row.intent_id,
    policyVersion: row.policy_version,
    initiator: row.initiator,
    expiry: Number(row.expiry),
  };
  return {
    requestId: row.request_id,
    tenantId: row.tenant_id,
    ownerKind: row.owner_kind ?? 'withdrawal',
    ownerId: row.owner_id,
    decisionId: row.decision_id,
    requirements: row.requirements,
    content,
    digest: approvalDigest(content),
    status: row.status,
    expired: row.expired,
    approvals: approvals.map((one) => ({
      approvalId: one.approval_id,
      approverId: one.approver_id,
      proof: {
        signature: one.signature,
        passkey:
          one.authenticator_data === null || one.client_data === null
            ? null
            : { authenticatorData: one.authenticator_data, clientData: one.client_data },
      },
      at: one.created_at,
    })),
    rejection:
      row.rejected_by === null
        ? null
        : { by: row.rejected_by, reason: row.reason!, at: row.rejected_at! },
    correlationId: row.correlation_id,
    createdAt: row.created_at,
  };
}
