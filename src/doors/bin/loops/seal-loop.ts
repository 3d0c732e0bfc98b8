import type { Settings } from '../../../base/config/index.ts';
import { type Db, inTransaction } from '../../../base/db/index.ts';
import { type Log, messageOf, systemClock } from '../../../base/kernel/index.ts';
import type { Loop } from '../../../base/queue/index.ts';
import { type Anchor, AnchorConflict, Anchoring, Sealer } from '../../../books/audit/index.ts';
import { type Finding, recordFindings } from '../../../books/finding/index.ts';
import { anchorOf } from '../../../hands/anchor/index.ts';

/** Between two looks at what may be sealed or anchored; what is behind is done without a rest. */
const SEAL_MS = 5_000;
/** So long the anchor may lag before somebody is told. */
const BEHIND_MS = 600_000;

type Context = { db: Db; log: Log };

/** None where the configuration has no audit section. */
export function sealLoops(
  { settings: { audit }, ...context }: Context & { settings: Settings },
  loop: (name: string, idleMs: number, round: () => Promise<boolean>) => Loop,
): Loop[] {
  if (audit === null) return [];
  const sealer = new Sealer(context.db);
  const sealing = loop('seal', SEAL_MS, () => sealer.round());
  if (audit.anchor === null) return [sealing];
  const anchor = anchorOf(audit.anchor, { clock: systemClock });
  return [sealing, loop('anchor', SEAL_MS, anchorRound(context, anchor))];
}

/** Anchors what is signed, and tells once when the anchor lags, or holds something else. */
export function anchorRound(
  { db, log }: Context,
  anchor: Anchor,
  now = () => systemClock.monotonic(),
): () => Promise<boolean> {
  const anchoring = new Anchoring({ db, anchor });
  let evenAt = now();
  let told: string | null = null;
  const tell = async (finding: Omit<Finding, 'tenantId' | 'subject'> | null) => {
    const kind = finding?.kind ?? '';
    if (told === kind) return;
    const found = finding === null ? [] : [{ ...finding, subject: anchor.where, tenantId: null }];
    const fresh = await inTransaction(db, (sql) => recordFindings(sql, 'anchor', found));
    for (const { subject, detail } of fresh) log.warn({ check: 'anchor', subject, detail }, kind);
    told = kind;
  };
  const lag = async (reason: string) => {
    if (now() - evenAt < BEHIND_MS) return;
    await tell({ kind: 'check.anchor_behind', detail: { reason } });
  };
  return async () => {
    try {
      const more = await anchoring.round();
      if (more) await lag('there is more to anchor than it takes');
      else {
        evenAt = now();
        await tell(null);
      }
      return more;
    } catch (error) {
      const reason = messageOf(error);
      if (error instanceof AnchorConflict) {
        await tell({ kind: 'check.anchor_conflict', detail: { reason } });
      } else await lag(reason);
      throw error;
    }
  };
}
