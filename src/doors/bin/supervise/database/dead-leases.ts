import { hostname } from 'node:os';
import { openPool } from '../../../../base/db/index.ts';
import type { Clock } from '../../../../base/kernel/index.ts';
import { releaseChains, releaseLanes } from '../../../../books/tx/index.ts';

/** Longer than any lease of a lane or chain: after that there is nothing left to give back. */
const WORTH_IT_MS = 15_000;
const AGAIN_MS = 300;

/**
 * Gives back what processes of this machine held that are surely dead: a worker's leases name its host and
 * pid, and the next worker would wait 15 s for them to run out; a signer's unanswered claims, which are never
 * un-claimed, may be taken over at once instead of after 30 s. What others hold is not touched; were a lease
 * released wrongly, its epoch would end and it would be taken again, and a claim taken over wrongly is answered
 * with the same bytes. Tries on while the database is away; true when it was done.
 */
export async function releaseDead(
  url: string,
  pids: readonly number[],
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<boolean> {
  if (pids.length === 0) return true;
  const db = openPool({ url, role: 'payonce_app', name: 'payonce-start', max: 1 });
  const signer = openPool({ url, role: 'payonce_signer', name: 'payonce-start', max: 1 });
  const deadline = clock.monotonic() + WORTH_IT_MS;
  try {
    while (!signal.aborted && clock.monotonic() < deadline) {
      try {
        const { rows } = await db.query<{ owner: string }>(
          `SELECT DISTINCT owner FROM (
             SELECT lease_owner FROM lane UNION SELECT lease_owner FROM chain_head) held(owner)
           WHERE split_part(owner, ':', 1) = $1 AND split_part(owner, ':', 2) = ANY($2::text[])`,
          [hostname(), pids.map(String)],
        );
        for (const { owner } of rows) {
          await releaseLanes(db, owner);
          await releaseChains(db, owner);
        }
        await signer.query(
          `UPDATE signature_request r SET claimed_at = now() - interval '1 minute'
           WHERE claimed_at IS NOT NULL AND split_part(claimed_by, ':', 1) = $1
             AND split_part(claimed_by, ':', 2) = ANY($2::text[])
             AND NOT EXISTS (SELECT FROM signature s WHERE s.signature_request_id = r.signature_request_id)`,
          [hostname(), pids.map(String)],
        );
        return true;
      } catch {
        await clock.sleep(AGAIN_MS, signal);
      }
    }
    return false;
  } finally {
    await Promise.all([db.end(), signer.end()]);
  }
}
