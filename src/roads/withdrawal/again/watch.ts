import type { Db } from '../../../base/db/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import { WITHDRAWAL_TOPICS } from '../topics.ts';

const PAGE = 1_000;

/**
 * Announces what waits for persons on a decision that a policy took which something that tightens came after: when this
 * process begins, and whenever another policy rules. What has a transaction is announced by the step that gives slots.
 * The other roads' part of it is given.
 */
export class SupersededWatch {
  readonly #others: readonly ((db: Db) => Promise<void>)[];
  #seen: string | null = null;

  constructor(others: readonly ((db: Db) => Promise<void>)[]) {
    this.#others = others;
  }

  async round(db: Db): Promise<void> {
    const { rows } = await db.query<{ version: string | null; since: Date }>({
      name: 'policy_effective_since',
      text: 'SELECT version, since FROM policy_effective',
    });
    const { version, since } = rows[0]!;
    const now = `${version} ${since.toISOString()}`;
    if (now === this.#seen) return;
    if (version !== null) {
      for (const announce of [announceSuperseded, ...this.#others]) await announce(db);
    }
    this.#seen = now;
  }
}

/** A crash in between leaves some announced; the next look announces the rest. */
async function announceSuperseded(db: Db): Promise<void> {
  const { rows } = await db.query<{ id: string; tenant_id: string; correlation_id: string | null }>(
    {
      name: 'withdrawal_superseded_waiting',
      text: `WITH good AS MATERIALIZED (SELECT version FROM policy_standing), waiting AS (
        SELECT owner_id AS id, decision_id FROM approval_request WHERE status = 'PENDING'
        UNION
        SELECT h.subject_id, h.decision_id FROM policy_hold h
        WHERE NOT EXISTS (SELECT FROM policy_hold_answer a WHERE a.hold_id = h.hold_id)
      )
      SELECT DISTINCT w.withdrawal_id AS id, w.tenant_id, w.correlation_id
      FROM waiting q JOIN decision d USING (decision_id) JOIN withdrawal w ON w.withdrawal_id = q.id
      WHERE w.status = 'AWAITING_APPROVAL' AND NOT EXISTS (SELECT FROM good WHERE good.version = d.policy_version)`,
    },
  );
  for (let from = 0; from < rows.length; from += PAGE) {
    await enqueue(
      db,
      rows.slice(from, from + PAGE).map((row) => ({
        ...{ topic: WITHDRAWAL_TOPICS.decideAgain, subjectId: row.id, tenantId: row.tenant_id },
        ...(row.correlation_id === null ? {} : { trace: row.correlation_id }),
      })),
    );
  }
}
