import type { Settings } from '../../../base/config/index.ts';
import type { Db } from '../../../base/db/index.ts';
import { type Log, systemClock } from '../../../base/kernel/index.ts';
import { Loop } from '../../../base/queue/index.ts';
import { tellSigningFreezes } from '../../../books/freeze/index.ts';
import { screenerOf } from '../../../hands/screening/index.ts';

// What sleeps until a row of another process rings.

/** The signer declares and lifts a freeze and rings; it may not write events itself. */
export function freezeLoop({ db, log }: { db: Db; log: Log }): Loop {
  return new Loop({
    name: 'tell-freezes',
    idleMs: 5_000,
    clock: systemClock,
    log,
    round: async () => {
      await tellSigningFreezes(db);
      return false;
    },
  });
}

/** Null: nobody is asked about destinations, or another process does. */
export function screeningLoop({
  db,
  log,
  settings,
  has,
}: {
  db: Db;
  log: Log;
  settings: Settings;
  has(role: 'validator'): boolean;
}): Loop | null {
  if (settings.screening === null || !has('validator')) return null;
  const screener = screenerOf(settings.screening, { db, clock: systemClock, log });
  return new Loop({
    name: 'screening',
    // Behind the notification: what could not be said is asked again.
    idleMs: 1_000,
    clock: systemClock,
    log,
    round: () => screener.round(),
  });
}
