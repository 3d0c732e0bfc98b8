import type { Settings } from '../../base/config/index.ts';
import type { Db } from '../../base/db/index.ts';
import { type Log, systemClock } from '../../base/kernel/index.ts';
import { Loop } from '../../base/queue/index.ts';
import { FileAnchor, Sealer } from '../../books/audit/index.ts';

/** Between two looks at what may be sealed; what is behind is sealed without a rest. */
const SEAL_MS = 5_000;

/** None where the configuration has no audit section. */
export function sealLoops({
  db,
  log,
  settings: { audit },
}: {
  db: Db;
  log: Log;
  settings: Settings;
}): Loop[] {
  if (audit === null) return [];
  const anchor = audit.anchorFile === null ? null : new FileAnchor(audit.anchorFile);
  const sealer = new Sealer({ db, anchor });
  const round = () => sealer.round();
  return [new Loop({ name: 'seal', idleMs: SEAL_MS, clock: systemClock, log, round })];
}
