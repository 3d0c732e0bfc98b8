import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../src/base/db/index.ts';
import type { Stage } from './stage.ts';

/** Milliseconds since the withdrawal was accepted. */
type Quantiles = { p50: number; p99: number };

export type Stages = {
  /** From the first accept to the last COMPLETED. */
  seconds: number;
  /** From the first accept to the last first send, and to the last inclusion seen. */
  broadcastSeconds: number;
  includedSeconds: number;
  signedMs: Quantiles;
  broadcastMs: Quantiles;
  includedMs: Quantiles;
  completedMs: Quantiles;
};

/** When each stage was reached, by the database's clock. */
export async function readStages(owner: Db, tag: string): Promise<Stages> {
  const { rows } = await owner.query<Record<string, number>>(
    `WITH w AS (
       SELECT w.created_at, w.completed_at, s.created_at AS signed_at, a.first_sent_at,
         (SELECT min(seen_at) FROM inclusion i WHERE i.attempt_id = a.attempt_id) AS included_at
       FROM withdrawal w JOIN tx ON tx.owner_id = w.withdrawal_id
       JOIN attempt a ON a.tx_id = tx.tx_id AND a.kind = 'effect'
       JOIN signature s ON s.signature_request_id = a.attempt_id
       WHERE w.idempotency_key LIKE $1
     ), ms AS (
       SELECT extract(epoch FROM signed_at - created_at) * 1000 AS signed,
         extract(epoch FROM first_sent_at - created_at) * 1000 AS sent,
         extract(epoch FROM included_at - created_at) * 1000 AS included,
         extract(epoch FROM completed_at - created_at) * 1000 AS completed FROM w
     )
     SELECT ${['signed', 'sent', 'included', 'completed']
       .map(
         (name) => `percentile_cont(0.5) WITHIN GROUP (ORDER BY ${name}) AS ${name}_p50,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY ${name}) AS ${name}_p99`,
       )
       .join(', ')},
       (SELECT extract(epoch FROM max(completed_at) - min(created_at)) FROM w)::float8 AS seconds,
       (SELECT extract(epoch FROM max(first_sent_at) - min(created_at)) FROM w)::float8 AS sent_seconds,
       (SELECT extract(epoch FROM max(included_at) - min(created_at)) FROM w)::float8 AS included_seconds
     FROM ms`,
    [`${tag}-%`],
  );
  const row = rows[0]!;
  const quantiles = (name: string) => ({ p50: row[`${name}_p50`]!, p99: row[`${name}_p99`]! });
  return {
    seconds: row['seconds']!,
    broadcastSeconds: row['sent_seconds']!,
    includedSeconds: row['included_seconds']!,
    signedMs: quantiles('signed'),
    broadcastMs: quantiles('sent'),
    includedMs: quantiles('included'),
    completedMs: quantiles('completed'),
  };
}

export type Progress = { text: string };

/** Each look reads every withdrawal; more often it was a twentieth of the database's work. */
const LOOK_EVERY_MS = 1_000;
const STALLED_AFTER_MS = 30_000;
const BAD_ENDS = ['REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED', 'REVERSED'];

/** Resolves when all are COMPLETED; throws when one ends otherwise, or nothing moves for half a minute. */
export async function waitCompleted(
  stage: Stage,
  { tag, withdrawals, progress }: { tag: string; withdrawals: number; progress: Progress },
): Promise<void> {
  let last = '';
  let moved = performance.now();
  for (;;) {
    const { rows } = await stage.owner.query<{ status: string; n: number }>(
      `SELECT status, count(*)::int AS n FROM withdrawal WHERE idempotency_key LIKE $1 GROUP BY 1 ORDER BY 1`,
      [`${tag}-%`],
    );
    progress.text = rows.map(({ status, n }) => `${status} ${n}`).join(', ');
    const bad = rows.find(({ status }) => BAD_ENDS.includes(status));
    if (bad !== undefined)
      throw new Error(`${bad.n} withdrawals ended ${bad.status}\n${stage.lastWords()}`);
    if (rows.find(({ status }) => status === 'COMPLETED')?.n === withdrawals) return;
    if (progress.text !== last) moved = performance.now();
    last = progress.text;
    if (performance.now() - moved > STALLED_AFTER_MS) {
      throw new Error(
        `nothing moved for half a minute (${last}); ${await standing(stage.owner)}\n${stage.lastWords()}`,
      );
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** Where everything stands, for a message. */
async function standing(owner: Db): Promise<string> {
  const { rows: jobs } = await owner.query<{ topic: string; n: number; error: string | null }>(
    `SELECT topic, count(*)::int AS n, max(last_error) AS error FROM job GROUP BY 1 ORDER BY 1`,
  );
  const { rows: txs } = await owner.query<{ status: string; waiting: string | null; n: number }>(
    `SELECT status, waiting, count(*)::int AS n FROM tx GROUP BY 1, 2 ORDER BY 1, 2`,
  );
  const jobText = jobs.map(
    ({ topic, n, error }) => `${topic} ${n}${error === null ? '' : ` (${error})`}`,
  );
  const txText = txs.map(
    ({ status, waiting, n }) => `${status} ${n}${waiting === null ? '' : ` (${waiting})`}`,
  );
  return `jobs: ${jobText.join(', ') || 'none'}; transactions: ${txText.join(', ') || 'none'}`;
}
