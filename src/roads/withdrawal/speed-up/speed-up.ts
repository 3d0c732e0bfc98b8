import type { FeeSettings } from '../../../base/config/index.ts';
import { afterCommit, inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeEvents } from '../../../base/event/index.ts';
import {
  isRefusal,
  keyHash,
  parseAmount,
  parseForm,
  type Refusal,
  refuse,
} from '../../../base/kernel/index.ts';
import {
  checkIdempotencyKey,
  idempotencyHash,
  type KeyToTake,
  keyConflict,
  readKeys,
  takeKeys,
} from '../../../books/access/index.ts';
import { insertWish, readBids, readHeads, readTxsOfOwners } from '../../../books/tx/index.ts';
import { readProgress } from '../../../books/tx/read.ts';
import type { WithdrawalContext } from '../context.ts';
import { readSteps } from '../rows.ts';
import type { Verdict } from '../types.ts';
import { publicStatus, readViews } from '../view/view.ts';
import { decideSpeedUp } from './decide-speed-up.ts';

const GWEI_DECIMALS = 9;

type SpeedUpContext = WithdrawalContext & { fees: ReadonlyMap<number, FeeSettings> };
export type SpeedUpRequest = { idempotencyKey: string; body: unknown; correlationId: string };

/**
 * Notes that a withdrawal's transaction is to bid more, once for each key; the broadcaster orders it. A refusal is
 * not stored: the same key may be sent again when things have changed. A crash before the COMMIT leaves
 * nothing, after it the wish.
 */
export async function speedUpWithdrawal(
  context: SpeedUpContext,
  tenantId: string,
  id: string,
  request: SpeedUpRequest,
): Promise<Verdict> {
  const wished = readWish(request);
  if (isRefusal(wished)) return refused(wished);
  const key = {
    keyHash: idempotencyHash(tenantId, 'speed-up', request.idempotencyKey),
    contentHash: keyHash('speed-up', id, wished.maxFeePerGas?.toString() ?? ''),
  };
  const known = await readKnown(context, id, request, key);
  if (known !== null) return known;
  const judged = await judge(context, id, wished.maxFeePerGas);
  // Refused, but for its key: what it asked for may have been noted, and done, meanwhile.
  if (isRefusal(judged)) {
    return (await readKnown(context, id, request, key)) ?? refused(judged);
  }
  const outcome = await inTransaction(context.db, async (sql) => {
    const taken = (await takeKeys(sql, [key])).get(key.keyHash)!;
    if (taken.outcome === 'taken') {
      const { correlationId } = request;
      const speedUpId = taken.resourceId;
      await insertWish(sql, { speedUpId, txId: judged.txId, ...wished, correlationId });
      await tell(sql, { tenantId, id, correlationId });
    }
    return taken.outcome;
  });
  if (outcome === 'conflict') return refused(keyConflict(request.idempotencyKey));
  const view = await afterCommit(viewOf(context, id));
  return { kind: outcome === 'taken' ? 'created' : 'replayed', view };
}

const refused = (refusal: Refusal): Verdict => ({ kind: 'refused', refusal, replayed: false });

/** The answer to a key that was used before. */
async function readKnown(
  context: SpeedUpContext,
  id: string,
  request: SpeedUpRequest,
  key: KeyToTake,
): Promise<Verdict | null> {
  const known = (await readKeys(context.db, [key.keyHash])).get(key.keyHash);
  if (known === undefined) return null;
  return known.contentHash === key.contentHash
    ? { kind: 'replayed', view: await viewOf(context, id) }
    : refused(keyConflict(request.idempotencyKey));
}

async function viewOf(context: SpeedUpContext, id: string) {
  return (await readViews(context.db, context, [id]))[0]!;
}

function readWish(request: SpeedUpRequest): { maxFeePerGas: bigint | null } | Refusal {
  const unusable = checkIdempotencyKey(request.idempotencyKey);
  if (unusable !== null) return unusable;
  const rule = {
    code: 'invalid_request',
    expected: 'a decimal string in gwei with at most 9 decimals, above 0, like "52.5"',
    optional: true,
  } as const;
  return parseForm(request.body ?? {}, new Set(['maxFeePerGasGwei']), (fields) => ({
    maxFeePerGas: fields.text('maxFeePerGasGwei', rule, (text) => {
      const wei = parseAmount(text, GWEI_DECIMALS);
      return typeof wei === 'bigint' && wei > 0n ? wei : undefined;
    }),
  }));
}

/** By the rows as they are; what moves between this and the order, the broadcaster finds. */
async function judge(
  { db, fees }: SpeedUpContext,
  id: string,
  wished: bigint | null,
): Promise<{ txId: string } | Refusal> {
  const [row] = await readSteps(db, [id]);
  const tx = (await readTxsOfOwners(db, [id])).get(id);
  const progress = (await readProgress(db, [id])).get(id) ?? null;
  const head = tx === undefined ? undefined : (await readHeads(db)).get(tx.chainId);
  const [bids] = tx === undefined ? [] : await readBids(db, [tx.txId], 0);
  const rules = tx === undefined ? undefined : fees.get(tx.chainId);
  const refusal = decideSpeedUp(
    {
      status: publicStatus(row!.status, progress),
      underWay: row!.status === 'EXECUTING' || row!.status === 'REVERSED',
      level: progress?.level ?? 'none',
      blockNumber: progress?.blockNumber ?? null,
      bids: bids ?? null,
      sent: progress?.attempts.some(({ sentAt }) => sentAt !== null) ?? false,
      chain: {
        fees: rules ?? { maxFeePerGas: 0n, minPriorityFeePerGas: 0n },
        baseFeePerGas: head?.baseFeePerGas ?? null,
        halted: head?.haltedReason ?? null,
      },
    },
    wished,
  );
  if (refusal !== null) return refusal;
  return tx === undefined
    ? refuse('not_replaceable', 'The withdrawal has no transaction yet.')
    : { txId: tx.txId };
}

async function tell(
  sql: Sql,
  { tenantId, id, correlationId }: { tenantId: string; id: string; correlationId: string },
): Promise<void> {
  await writeEvents(sql, [
    { tenantId, type: 'withdrawal.speed_up_requested', subjectId: id, correlationId },
  ]);
}
