import type { Assets } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import {
  checksummed,
  formatAmount,
  type Level,
  type Refusal,
  type RefusalCode,
  refuse,
  toHex,
  type WithdrawalState,
} from '../../../base/kernel/index.ts';
import { readTallies, type Tally } from '../../../books/approval/index.ts';
import {
  type Freeze,
  freezeOn,
  readStandingFreezes,
  tellFrozen,
} from '../../../books/freeze/index.ts';
import { type Hold, readHolds, readTrace, type StoredTrace } from '../../../books/policy/index.ts';
import { readProgress, type TxProgress } from '../../../books/tx/read.ts';
import type { WithdrawalContext } from '../context.ts';
import { readUnscreened } from '../decision/screen.ts';
import type { WithdrawalOrder } from '../intake/request.ts';
import type { PublicStatus, WithdrawalView } from '../types.ts';

type WithdrawalRow = {
  id: string;
  tenantId: string;
  account: string;
  asset: string;
  amount: bigint;
  fee: bigint;
  recipient: Buffer;
  idempotencyKey: string;
  externalId: string | null;
  metadata: Record<string, unknown> | null;
  correlationId: string;
  expiresAt: Date | null;
  createdAt: Date;
  status: WithdrawalState;
  riskTier: string | null;
  failureCode: string | null;
  failureMessage: string | null;
  cancelRequestedAt: Date | null;
  completedAt: Date | null;
  updatedAt: Date;
  decisionId: string | null;
  policyVersion: string | null;
  trace: StoredTrace | null;
};

const SELECT_WITHDRAWAL = `
  SELECT w.withdrawal_id AS id, w.tenant_id AS "tenantId", w.account, w.asset, w.amount, w.fee, w.recipient,
    w.idempotency_key AS "idempotencyKey", w.external_id AS "externalId", w.metadata,
    w.correlation_id AS "correlationId", w.expires_at AS "expiresAt", w.created_at AS "createdAt", w.status,
    w.risk_tier AS "riskTier", w.failure_code AS "failureCode", w.failure_message AS "failureMessage",
    w.cancel_requested_at AS "cancelRequestedAt", w.completed_at AS "completedAt", w.updated_at AS "updatedAt",
    d.decision_id AS "decisionId", d.policy_version AS "policyVersion", d.trace
  FROM withdrawal w LEFT JOIN decision d ON d.decision_id = w.decision_id`;

/** Withdrawals by id with what the chain shows, in the order asked for; an id not found is absent. */
export async function readViews(
  sql: Sql,
  { assets, settings }: Pick<WithdrawalContext, 'assets' | 'settings'>,
  ids: readonly string[],
): Promise<WithdrawalView[]> {
  if (ids.length === 0) return [];
  const { rows } = await sql.query<WithdrawalRow>({
    name: 'withdrawal_read',
    text: `${SELECT_WITHDRAWAL} WHERE w.withdrawal_id = ANY($1::uuid[])`,
    values: [ids],
  });
  const progress = await readProgress(
    sql,
    rows.map((row) => row.id),
  );
  const unsigned = (row: WithdrawalRow) => isUnsigned(row, progress.get(row.id) ?? null);
  const standing = rows.some(unsigned) ? await readStandingFreezes(sql) : [];
  const { approvers, groups } = settings.guard.approvals;
  const decided = approvers.length === 0 ? [] : rows.filter((row) => row.decisionId !== null);
  const tallies = await readTallies(
    sql,
    groups,
    decided.map((row) => row.id),
  );
  const unscreened = await readUnscreened({ assets, settings }, sql, rows);
  const waiting = rows.flatMap(({ id, status }) => (status === 'AWAITING_APPROVAL' ? id : []));
  const holds = waiting.length === 0 ? [] : await readHolds(sql, waiting);
  const views = new Map(
    rows.map((row) => [
      row.id,
      toView(row, assets, {
        tx: progress.get(row.id) ?? null,
        tally: tallies.get(row.id),
        holds: holds.filter(({ subjectId, answer }) => subjectId === row.id && answer === null),
        standing: unsigned(row) ? standing : [],
        unscreened: unscreened.get(row.id),
      }),
    ]),
  );
  return ids.flatMap((id) => views.get(id) ?? []);
}

/** Approved, and nothing of it was signed: what a freeze stops. */
function isUnsigned({ status }: WithdrawalRow, tx: TxProgress | null): boolean {
  if (status === 'APPROVED') return true;
  return status === 'EXECUTING' && (tx?.status === 'CREATED' || tx?.status === 'SLOTTED');
}

/** What stands in other rooms' rows about it; `standing`: the freezes that may stop it. */
type Beside = {
  tx: TxProgress | null;
  tally: Tally | undefined;
  standing: readonly Freeze[];
  holds: readonly Hold[];
  /** Of what is not decided yet. */
  unscreened: WithdrawalView['waiting'] | undefined;
};

function toView(
  row: WithdrawalRow,
  assets: Assets,
  { tx, tally, standing, holds, unscreened }: Beside,
): WithdrawalView {
  const asset = assets.find(row.asset);
  const decimals = asset?.decimals ?? 0;
  const failure = failureOf(row);
  const covered = asset && { chainId: asset.chainId, asset: asset.caip19 };
  const freeze =
    covered &&
    freezeOn(standing, { ...covered, tenantId: row.tenantId, laneId: tx?.laneId ?? null });
  return {
    id: row.id,
    status: publicStatus(row.status, tx),
    confirmation: {
      level: tx?.level ?? 'none',
      blockNumber: tx?.blockNumber?.toString() ?? null,
      blockHash: tx?.blockHash ?? null,
    },
    waiting: waitingOf(row, tx, freeze) ?? unscreened ?? waitingForPersons(row, holds),
    account: row.account,
    asset: asset?.id ?? row.asset,
    amount: formatAmount(row.amount, decimals),
    amountAtomic: row.amount.toString(),
    fee: formatAmount(row.fee, decimals),
    feeAtomic: row.fee.toString(),
    to: checksummed(toHex(row.recipient)),
    externalId: row.externalId,
    idempotencyKey: row.idempotencyKey,
    metadata: row.metadata,
    riskTier: row.riskTier,
    decision:
      row.decisionId === null
        ? null
        : { id: row.decisionId, policyVersion: row.policyVersion!, trace: readTrace(row.trace!) },
    approvals: { required: tally?.required ?? 0, given: tally?.given ?? 0 },
    nonceKey: tx?.nonceKey ?? null,
    txHash: tx?.txHash ?? null,
    attempts: (tx?.attempts ?? []).map(({ kind: _, ...attempt }) => attempt),
    reorgs: tx?.reorgs ?? 0,
    failure,
    correlationId: row.correlationId,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    completedAt: row.completedAt?.toISOString() ?? null,
  };
}

/** What is in a block waits for nothing but persons; a cancel is under way until the chain has decided. */
function waitingOf(
  row: Pick<WithdrawalRow, 'status' | 'cancelRequestedAt'>,
  tx: TxProgress | null,
  freeze: Freeze | undefined,
): WithdrawalView['waiting'] {
  const open = row.status === 'EXECUTING' || row.status === 'REVERSED';
  if (open && row.cancelRequestedAt !== null) return { reason: 'cancelling', detail: null };
  if (freeze !== undefined) return { reason: 'frozen', detail: tellFrozen(freeze) };
  if (!open) return null;
  if (tx?.waiting == null) return null;
  return tx.level === 'none' || tx.waiting.reason === 'effect_mismatch' ? tx.waiting : null;
}

/** Gates before approvers: a hold is told as long as there is one. */
function waitingForPersons(
  { status }: Pick<WithdrawalRow, 'status'>,
  holds: readonly Hold[],
): WithdrawalView['waiting'] {
  if (status !== 'AWAITING_APPROVAL') return null;
  if (holds.length === 0) return { reason: 'approval', detail: null };
  return { reason: 'hold', detail: holds.map(({ gate }) => gate).join(', ') };
}

/** What intake just made: the same view without a read. */
export function newView(order: WithdrawalOrder, id: string, createdAt: Date): WithdrawalView {
  const { asset } = order;
  return {
    id,
    status: 'RESERVED',
    confirmation: { level: 'none', blockNumber: null, blockHash: null },
    waiting: null,
    account: order.account,
    asset: asset.id,
    amount: formatAmount(order.amount, asset.decimals),
    amountAtomic: order.amount.toString(),
    fee: formatAmount(asset.fee, asset.decimals),
    feeAtomic: asset.fee.toString(),
    to: checksummed(order.recipient),
    externalId: order.externalId,
    idempotencyKey: order.idempotencyKey,
    metadata: order.metadata,
    riskTier: order.tier?.name ?? null,
    decision: null,
    approvals: { required: 0, given: 0 },
    nonceKey: null,
    txHash: null,
    attempts: [],
    reorgs: 0,
    failure: null,
    correlationId: order.correlationId,
    expiresAt: order.expiresAt === null ? null : new Date(order.expiresAt).toISOString(),
    createdAt: createdAt.toISOString(),
    updatedAt: createdAt.toISOString(),
    completedAt: null,
  };
}

function failureOf(row: WithdrawalRow): { code: string; message: string } | null {
  return row.failureCode === null
    ? null
    : { code: row.failureCode, message: row.failureMessage ?? '' };
}

/** The stored no of REJECTED withdrawals, as it was said first. */
export async function readStoredRefusals(
  sql: Sql,
  ids: readonly string[],
): Promise<Map<string, Refusal>> {
  if (ids.length === 0) return new Map();
  const { rows } = await sql.query<{
    id: string;
    code: RefusalCode;
    message: string | null;
    members: Record<string, string> | null;
  }>({
    name: 'withdrawal_refusal',
    text: `SELECT withdrawal_id AS id, failure_code AS code, failure_message AS message, failure_members AS members
      FROM withdrawal WHERE withdrawal_id = ANY($1::uuid[]) AND failure_code IS NOT NULL`,
    values: [ids],
  });
  return new Map(
    rows.map(({ id, code, message, members }) => [
      id,
      refuse(code, message ?? '', members === null ? {} : { members }),
    ]),
  );
}

const OF_LEVEL: Record<Level, PublicStatus> = {
  none: 'BROADCASTED',
  included: 'INCLUDED',
  safe: 'SAFE',
  finalized: 'FINALIZED',
};
const LEVELS: readonly Level[] = ['none', 'included', 'safe', 'finalized'];

/**
 * The furthest stage reached. While the transaction is on its way its own progress tells; a level that a
 * reorg took back is remembered in furthestLevel, so the status never falls.
 */
export function publicStatus(
  state: WithdrawalState,
  tx: Pick<TxProgress, 'status' | 'level' | 'furthestLevel'> | null,
): PublicStatus {
  if (state !== 'EXECUTING') return state;
  if (tx === null) return 'APPROVED';
  switch (tx.status) {
    case 'CREATED':
    case 'SLOTTED':
    case 'CANCELLED':
      return 'APPROVED';
    case 'SIGNED':
      return 'SIGNED';
    case 'BROADCASTED':
      return 'BROADCASTED';
    case 'INCLUDED': {
      const furthest = Math.max(LEVELS.indexOf(tx.level), LEVELS.indexOf(tx.furthestLevel), 1);
      return OF_LEVEL[LEVELS[furthest]!];
    }
    default:
      return 'FINALIZED';
  }
}
