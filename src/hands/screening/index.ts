/**
 * Asks how risky destinations are: a list of addresses, and a provider over HTTP behind one port. Promises that an answer
 * is stored as it was given, with who gave it and when, or that it is said why there is none; that an answer of another
 * shape is none; that no call is made inside a transaction and none is followed elsewhere; that neither URL nor secret is in
 * any message. Owns no rows. A crash while it asks means that the question is asked again.
 */
import type { ScreeningSettings } from '../../base/config/index.ts';
import type { Db } from '../../base/db/index.ts';
import type { Clock, Log } from '../../base/kernel/index.ts';
import { staticList } from './list.ts';
import { httpProvider } from './provider.ts';
import { Screener } from './round.ts';

export function screenerOf(
  { listFile, provider }: ScreeningSettings,
  context: { db: Db; clock: Clock; log: Log },
): Screener {
  return new Screener({
    ...context,
    list: listFile === null ? null : staticList(listFile),
    provider: provider === null ? null : httpProvider(provider),
  });
}
