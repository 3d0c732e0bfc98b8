import type { Db } from '../../../base/db/index.ts';
import { checkLedger } from './ledger.ts';
import type { Check } from './run.ts';
import { checkSent } from './sent.ts';
import { checkStatus, FROM_THE_START } from './status.ts';

/** The checks that ask rows only, by the names of their commands. */
export function booksChecks(
  db: Db,
  { stuckAfterMs, progress }: { stuckAfterMs: number; progress(text: string): void },
): Record<'status-check' | 'verify-sent' | 'reconcile', Check> {
  const open = { ...FROM_THE_START };
  return {
    'status-check': { name: 'status-check', run: () => checkStatus(db, stuckAfterMs, open) },
    'verify-sent': { name: 'verify-sent', run: () => checkSent(db, stuckAfterMs) },
    reconcile: { name: 'reconcile', run: () => checkLedger(db, progress) },
  };
}
