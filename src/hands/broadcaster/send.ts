import type { SendAnswer } from '../../base/chain/index.ts';
import { advance, inTransaction, type Sql } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';
import { nonceKey, TX } from '../../base/kernel/index.ts';
import { type Claim, complete, enqueue, type Outcome } from '../../base/queue/index.ts';
import {
  pauseLanes,
  readSendable,
  recordSends,
  type SendableAttempt,
  TX_TOPICS,
} from '../../books/tx/index.ts';
import type { BroadcasterContext } from './context.ts';
import { decideSend, type SendAction } from './decide-send.ts';

/** Before the back-off of the queue takes over. */
const FIRST_AGAIN_MS = 500;

type Sent = { attempt: SendableAttempt; answer: SendAnswer; action: SendAction };

/**
 * Sends stored bytes, never others. A crash after a send and before its record leaves the job: the same
 * bytes are sent again, which nodes answer with "already known". What a node says is no evidence of
 * an end: nothing is failed here.
 */
export async function sendStep(context: BroadcasterContext, claimed: Claim): Promise<Outcome[]> {
  const attempts = await readSendable(
    context.db,
    claimed.jobs.map((job) => job.subjectId),
  );
  const sent = await sendAll(context, attempts);
  const outcomes = sent.flatMap(outcomeOf);
  const open = new Set(outcomes.map((outcome) => outcome.subjectId));
  const finished = claimed.jobs.map((job) => job.subjectId).filter((id) => !open.has(id));
  await inTransaction(context.db, async (sql) => {
    await complete(sql, claimed, finished);
    await record(sql, sent);
  });
  return outcomes;
}

/**
 * Sends attempts that were stored a moment ago; what is not done with one answer goes on as a job. A crash before the
 * record leaves attempts that count as never sent: the resend loop finds them.
 */
export async function sendFresh(
  context: BroadcasterContext,
  attempts: readonly SendableAttempt[],
): Promise<void> {
  if (attempts.length === 0) return;
  const sent = await sendAll(context, attempts);
  await inTransaction(context.db, async (sql) => {
    await record(sql, sent);
    await enqueue(
      sql,
      sent.flatMap((item) =>
        outcomeOf(item).map(({ delayMs = FIRST_AGAIN_MS }) => ({
          topic: TX_TOPICS.send,
          subjectId: item.attempt.attemptId,
          tenantId: item.attempt.tenantId,
          trace: item.attempt.correlationId,
          delayMs,
        })),
      ),
    );
  });
}

/** Chains at the same time; the caller waits for the slowest. */
async function sendAll(
  context: BroadcasterContext,
  attempts: readonly SendableAttempt[],
): Promise<Sent[]> {
  const sent = await Promise.all(
    [...context.chains].map(async ([chainId, { port }]): Promise<Sent[]> => {
      const due = attempts.filter((attempt) => attempt.chainId === chainId && !attempt.settled);
      if (due.length === 0) return [];
      const answers = await port.send(due.map(({ txHash, bytes }) => ({ hash: txHash, bytes })));
      return due.map((attempt, index) => {
        const answer = answers[index]!;
        return { attempt, answer, action: decideSend(answer.class, attempt) };
      });
    }),
  );
  const all = sent.flat();
  logSent(context, all);
  await pauseForFunds(context, all);
  return all;
}

/** Facts about sends are true whoever holds the job, so they are recorded for all that was sent. */
async function record(sql: Sql, sent: readonly Sent[]): Promise<void> {
  await recordSends(
    sql,
    sent.map(({ attempt, answer, action }) => ({
      attemptId: attempt.attemptId,
      accepted: action.kind === 'accepted',
      answer: answer.message === null ? answer.class : `${answer.class}: ${answer.message}`,
    })),
  );
  const accepted = sent.filter(
    (item) => item.action.kind === 'accepted' && item.attempt.txStatus === 'SIGNED',
  );
  const byTx = new Map(accepted.map((item) => [item.attempt.txId, item.attempt]));
  await advance(
    sql,
    TX,
    [...byTx].map(([id, attempt]) => ({
      id,
      from: 'SIGNED',
      to: 'BROADCASTED',
      data: {
        attemptId: attempt.attemptId,
        txHash: attempt.txHash,
        nonceKey: nonceKey(attempt.chainId, attempt.from, attempt.nonce),
      },
    })),
  );
  const closing = sent.filter((item) => item.action.kind === 'close');
  if (closing.length === 0) return;
  const { rows } = await sql.query<{ tx_id: string; tenant_id: string; correlation_id: string }>(
    // Heard late it says nothing any more: the code tells how what has ended did.
    `UPDATE tx SET failure_code = coalesce(failure_code, 'filled'), failure_message = coalesce(failure_message, u.message),
       updated_at = now()
     FROM unnest($1::uuid[], $2::text[]) AS u(id, message)
     WHERE tx.tx_id = u.id AND tx.status IN ('SIGNED', 'BROADCASTED')
     RETURNING tx.tx_id, tx.tenant_id, tx.correlation_id`,
    [
      closing.map((item) => item.attempt.txId),
      closing.map((item) => `a node refused it: ${item.answer.message}`),
    ],
  );
  await enqueue(
    sql,
    rows.map((row) => ({
      topic: TX_TOPICS.fill,
      subjectId: row.tx_id,
      tenantId: row.tenant_id,
      trace: row.correlation_id,
    })),
  );
}

type Unfinished = Exclude<Outcome, { kind: 'dead' }>;

function outcomeOf({ attempt, answer, action }: Sent): Unfinished[] {
  const subjectId = attempt.attemptId;
  const reason = `${answer.class}: ${answer.message ?? ''}`;
  switch (action.kind) {
    case 'hold':
    case 'pause':
      return [{ kind: 'wait', subjectId, delayMs: action.delayMs, reason }];
    case 'again':
      return [{ kind: 'retry', subjectId, error: reason }];
    default:
      return [];
  }
}

async function pauseForFunds(context: BroadcasterContext, sent: readonly Sent[]): Promise<void> {
  const broke = sent
    .filter((item) => item.action.kind === 'pause')
    .map((item) => item.attempt.laneId);
  if (broke.length === 0) return;
  await inTransaction(context.db, async (sql) => {
    const paused = await pauseLanes(sql, [...new Set(broke)], { reason: 'funds' });
    await writeEvents(
      sql,
      paused.map((lane) => ({
        tenantId: lane.tenantId,
        type: 'lane.paused',
        data: { chainId: lane.chainId, address: lane.address, reason: 'funds' },
      })),
    );
  });
}

/** A line a batch: a node that is away, or stands still, would else write one for each payment again and again. */
function logSent({ log }: BroadcasterContext, sent: readonly Sent[]): void {
  const answers: Record<string, number> = {};
  let open = 0;
  for (const { attempt, answer, action } of sent) {
    if (action.kind === 'accepted') continue;
    open += 1;
    answers[answer.class] = (answers[answer.class] ?? 0) + 1;
    log.debug(
      {
        txId: attempt.txId,
        attemptId: attempt.attemptId,
        nonceKey: nonceKey(attempt.chainId, attempt.from, attempt.nonce),
        txHash: attempt.txHash,
        correlationId: attempt.correlationId,
        answer: answer.class,
        said: answer.message,
      },
      `send: ${action.kind}`,
    );
  }
  if (open === 0) return;
  const said = sent.find(({ action }) => action.kind !== 'accepted')?.answer.message ?? null;
  log.warn({ attempts: sent.length, answers, said }, 'sent, and not accepted by the node');
}
