import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeEvents } from '../../../base/event/index.ts';
import { activatePolicy } from '../policies.ts';
import {
  lockChange,
  lockEffective,
  lockRuling,
  moveChange,
  type PolicyChange,
  readDueChanges,
} from './changes.ts';

/** Lets a locked change rule; what ruled before is superseded. The version that rules is locked. */
export async function activate(
  sql: Sql,
  change: PolicyChange,
  step: { proposedBy?: string; confirmedBy?: string; tenantIds: readonly string[] },
): Promise<void> {
  const { tenantIds, ...confirmed } = step;
  const ruling = await lockRuling(sql);
  if (ruling !== null) await moveChange(sql, ruling, { to: 'SUPERSEDED' });
  await moveChange(sql, change, { ...confirmed, to: 'EFFECTIVE', rulesInMs: 0 });
  await activatePolicy(sql, change.version);
  const { version, baseVersion, effect } = change;
  const data = { version, before: baseVersion, effect };
  await writeEvents(
    sql,
    tenantIds.map((tenantId) => ({
      tenantId,
      type: 'policy.effective',
      subjectId: change.id,
      data,
    })),
  );
}

/**
 * Lets changes rule whose time has come. One that was compared with what does not rule any more is withdrawn: it
 * would undo what came between, unseen. A crash leaves each as it was or done.
 */
export async function activateDue(db: Db, tenantIds: () => Promise<string[]>): Promise<number> {
  const due = await readDueChanges(db);
  for (const id of due) {
    const told = await tenantIds();
    await inTransaction(db, async (sql) => {
      const effective = await lockEffective(sql);
      const change = await lockChange(sql, id);
      // Vetoed or activated since.
      if (change?.status !== 'SCHEDULED') return;
      if (change.baseVersion === effective) return activate(sql, change, { tenantIds: told });
      const reason = 'another version rules than the one that it was compared with';
      await moveChange(sql, change, { to: 'WITHDRAWN', ended: { by: null, reason } });
    });
  }
  return due.length;
}
