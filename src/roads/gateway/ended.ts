import { type Db, inTransaction } from '../../base/db/index.ts';
import type { Refusal } from '../../base/kernel/index.ts';
import { type Claim, complete, type Handler, type Outcome } from '../../base/queue/index.ts';
import { type Call, noteRefund, readCalls, setFailed } from './call/rows.ts';
import { GATEWAY_TOPICS } from './topics.ts';

/** Declared here and given by bin: a refund by its own key, which the same key gives again. */
type Refund = (
  of: { tenantId: string; merchantId: string },
  paymentId: string,
  request: { idempotencyKey: string; body: unknown; correlationId: string },
) => Promise<
  { kind: 'created' | 'replayed'; view: { id: string } } | { kind: 'refused'; refusal: Refusal }
>;

const NOT_FINAL_MS = 3_000;
const LATER_MS = 1_000;

/**
 * Looks after calls that were forwarded: one whose forwarder is gone fails, and what failed under that policy is given
 * back as soon as its payment is final. A crash between refund and COMMIT finds the refund by its key.
 */
export function gatewayHandlers(context: { db: Db; refund: Refund }): Handler[] {
  return [
    {
      topic: GATEWAY_TOPICS.end,
      batch: 200,
      backoff: { baseMs: 500, capMs: 30_000, limit: 1_000 },
      run: (claimed) => endStep(context, claimed),
    },
  ];
}

type Ended = { id: string; refundId: string | null; refused: string | null };

async function endStep(
  { db, refund }: { db: Db; refund: Refund },
  claimed: Claim,
): Promise<Outcome[]> {
  const ids = claimed.jobs.map((job) => job.subjectId);
  const calls = await readCalls(db, { ids });
  const overdue = calls.filter(({ status, overdue: late }) => status === 'FORWARDING' && late);
  const outcomes: Outcome[] = [];
  const wait = (subjectId: string, delayMs: number, reason: string) =>
    outcomes.push({ kind: 'wait', subjectId, delayMs, reason });
  const ended: Ended[] = [];
  for (const call of calls) {
    if (call.status === 'FORWARDING' && !call.overdue) {
      wait(call.id, Math.max(LATER_MS, call.dueInMs), 'it is being forwarded');
    }
    const owed = call.status === 'FAILED' && call.onFailure === 'refund';
    if (!owed || call.refundId !== null) continue;
    const told = await refund(call, call.paymentId, requestOf(call));
    if (told.kind !== 'refused') {
      ended.push({ id: call.id, refundId: told.view.id, refused: null });
    } else if (told.refusal.code === 'not_refundable') {
      wait(call.id, NOT_FINAL_MS, 'its payment is not final');
    } else ended.push({ id: call.id, refundId: null, refused: told.refusal.code });
  }
  const waiting = new Set(outcomes.map(({ subjectId }) => subjectId));
  await inTransaction(db, async (sql) => {
    const ours = await complete(
      sql,
      claimed,
      ids.filter((id) => !waiting.has(id)),
    );
    for (const call of overdue) {
      if (ours.has(call.id)) await setFailed(sql, call, 'upstream_unknown');
    }
    await noteRefund(
      sql,
      ended.filter(({ id }) => ours.has(id)),
    );
  });
  return outcomes;
}

function requestOf({ id, correlationId }: Call) {
  const reason = 'the API behind the gateway did not answer';
  return { idempotencyKey: `gateway:${id}`, body: { reason }, correlationId };
}
