import { type Db, inTransaction } from '../../../base/db/index.ts';
import type { Log } from '../../../base/kernel/index.ts';
import {
  beginCheck,
  endCheck,
  type Finding,
  recordFindings,
} from '../../../books/finding/index.ts';

export type Check = { name: string; run(): Promise<Finding[]> };

/**
 * Runs a check under its lease and tells what is new: an event and a line of the log, once for each finding.
 * Null: it runs elsewhere, or began within `everyMs`. A crash leaves the lease, which runs out, and the
 * findings of the run before.
 */
export async function runCheck(
  context: { db: Db; owner: string; log: Log },
  check: Check,
  everyMs: number,
): Promise<{ found: Finding[]; fresh: Finding[] } | null> {
  const { db, owner, log } = context;
  if (!(await beginCheck(db, check.name, owner, everyMs))) return null;
  let found: Finding[] | null = null;
  try {
    const now = await check.run();
    const fresh = await inTransaction(db, (sql) => recordFindings(sql, check.name, now));
    found = now;
    for (const { kind, subject, tenantId, detail } of fresh) {
      log.warn({ check: check.name, subject, ...(tenantId && { tenantId }), detail }, kind);
    }
    return { found, fresh };
  } finally {
    await endCheck(db, check.name, owner, found?.length ?? null);
  }
}
