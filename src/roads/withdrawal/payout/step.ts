import { inTransaction, type Sql } from '../../../base/db/index.ts';
import { keyHash, type TxState, type WithdrawalState } from '../../../base/kernel/index.ts';
import { type Claim, complete, type Outcome } from '../../../base/queue/index.ts';
import { idempotencyHash, readKeys } from '../../../books/access/index.ts';
import {
  endPayouts,
  notePayouts,
  type PayoutEnd,
  type PayoutOrder,
  readPayouts,
} from '../../../books/payout/index.ts';
import { tierOf } from '../../../books/policy/index.ts';
import type { WithdrawalContext } from '../context.ts';
import { flush } from '../intake/flush.ts';
import type { WithdrawalOrder } from '../intake/request.ts';
import { WITHDRAWAL_TOPICS } from '../topics.ts';
import { decidePayout, type Shown } from './decide-payout.ts';

/** A young order is looked at often, an old one every half minute. */
const LEAST_WAIT_MS = 500;
const MOST_WAIT_MS = 30_000;

/**
 * Makes the withdrawals of orders, through the intake's own transaction, and tells their owners how they ended. A crash
 * after a withdrawal was made finds it by its key; one before the COMMIT at the end leaves the jobs.
 */
export async function payoutStep(context: WithdrawalContext, claimed: Claim): Promise<Outcome[]> {
  const { db } = context;
  const ids = claimed.jobs.map((job) => job.subjectId);
  const orders = (await readPayouts(db, ids)).filter(({ outcome }) => outcome === null);
  const { made, refused } = await makeWithdrawals(
    context,
    orders.filter(({ withdrawalId }) => withdrawalId === null),
  );
  await notePayouts(db, made);
  const shown = await readShown(db, ids);
  const ended = orders.flatMap((order) => {
    const found = shown.get(order.orderId);
    const end = refused.get(order.orderId) ?? (found === undefined ? null : decidePayout(found));
    return end === null ? [] : [{ order, end }];
  });
  const over = new Set(ended.map(({ order }) => order.orderId));
  const open = orders.filter(({ orderId }) => !over.has(orderId));
  const waiting = new Set(open.map(({ orderId }) => orderId));
  await inTransaction(db, async (sql) => {
    const ours = await complete(
      sql,
      claimed,
      ids.filter((id) => !waiting.has(id)),
    );
    await endPayouts(
      sql,
      ended.filter(({ order }) => ours.has(order.orderId)),
    );
  });
  return open.map(({ orderId: subjectId, createdAt }) => ({
    kind: 'wait',
    subjectId,
    delayMs: Math.min(MOST_WAIT_MS, Math.max(LEAST_WAIT_MS, (Date.now() - +createdAt) / 8)),
    reason: 'its withdrawal is under way',
  }));
}

type Made = {
  made: { orderId: string; withdrawalId: string }[];
  /** Refused without being stored. */
  refused: Map<string, PayoutEnd>;
};

async function makeWithdrawals(
  context: WithdrawalContext,
  orders: readonly PayoutOrder[],
): Promise<Made> {
  const refused: Made['refused'] = new Map();
  const wanted: { payout: PayoutOrder; order: WithdrawalOrder }[] = [];
  const unknown: PayoutOrder[] = [];
  for (const payout of orders) {
    const order = orderOf(context, payout);
    if (order === null) unknown.push(payout);
    else wanted.push({ payout, order });
  }
  // Made before a crash, perhaps, while the asset was configured: then it is paid or not as any other.
  const before = await readKeys(
    context.db,
    unknown.map((payout) => keyOf(payout).keyHash),
  );
  const known = unknown.flatMap((payout) => {
    const key = before.get(keyOf(payout).keyHash);
    if (key?.contentHash === keyOf(payout).contentHash)
      return [{ orderId: payout.orderId, withdrawalId: key.resourceId }];
    refused.set(payout.orderId, { outcome: 'unpaid', failureCode: 'unknown_asset' });
    return [];
  });
  if (wanted.length === 0) return { made: known, refused };
  const results = await flush(
    context,
    wanted.map(({ order }) => order),
  );
  const made = wanted.flatMap(({ payout: { orderId } }, index) => {
    const result = results[index]!;
    if (result.kind === 'refused' && result.id === null) {
      refused.set(orderId, { outcome: 'unpaid', failureCode: result.refusal.code });
      return [];
    }
    return [{ orderId, withdrawalId: result.id! }];
  });
  return { made: [...known, ...made], refused };
}

/**
 * A withdrawal as a client would order it, with the order's id for its key. No fee on top, and no least amount: what is
 * given back is not the account's own wish. Null: the asset is not configured any more.
 */
function orderOf({ assets }: WithdrawalContext, payout: PayoutOrder): WithdrawalOrder | null {
  const { tenantId, account, amount, recipient, correlationId } = payout;
  const asset = assets.find(payout.asset);
  if (asset === undefined) return null;
  return {
    tenantId,
    ...keyOf(payout),
    account,
    asset: { ...asset, fee: 0n },
    amount,
    recipient,
    externalId: null,
    externalHash: null,
    metadata: payout.metadata,
    expiresAt: null,
    correlationId,
    initiatedBy: payout.initiatedBy,
    tier: tierOf({ asset, amount }),
  };
}

function keyOf(payout: PayoutOrder) {
  const { orderId, ownerKind, tenantId, account, asset, amount, recipient } = payout;
  const idempotencyKey = `${ownerKind}:${orderId}`;
  return {
    idempotencyKey,
    keyHash: idempotencyHash(tenantId, 'withdrawal', idempotencyKey),
    contentHash: keyHash('payout', orderId, account, asset, amount.toString(), recipient),
  };
}

async function readShown(sql: Sql, ids: readonly string[]): Promise<Map<string, Shown>> {
  const { rows } = await sql.query<{
    orderId: string;
    status: WithdrawalState;
    failureCode: string | null;
    tx: TxState | null;
    orphaned: boolean;
  }>({
    name: 'withdrawal_payout',
    text: `SELECT o.order_id AS "orderId", w.status, w.failure_code AS "failureCode", t.status AS tx,
        EXISTS (SELECT FROM job j WHERE j.topic = '${WITHDRAWAL_TOPICS.orphaned}' AND j.subject_id = w.withdrawal_id)
          OR EXISTS (SELECT FROM dead_letter d WHERE d.topic = '${WITHDRAWAL_TOPICS.orphaned}' AND d.subject_id = w.withdrawal_id)
          AS orphaned
      FROM payout_order o JOIN withdrawal w USING (withdrawal_id)
      LEFT JOIN tx t ON t.owner_kind = 'withdrawal' AND t.owner_id = w.withdrawal_id
      WHERE o.order_id = ANY($1::uuid[])`,
    values: [ids],
  });
  return new Map(rows.map(({ orderId, ...shown }) => [orderId, shown]));
}
