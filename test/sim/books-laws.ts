import { readLaws, verify } from '../../src/roads/reconcile/index.ts';
import type { Road } from '../support/steps/road.ts';

/** The laws of the books in one statement, which is planned once: asked one by one they cost four times a life. */
const QUERY = readLaws()
  .filter(({ asks }) => asks === 'main')
  .map(
    ({ name, query }) =>
      `SELECT '${name}' AS law, concat_ws(': ', l.subject, l.found, l.expected) AS what FROM (${query}) l`,
  )
  .join('\nUNION ALL\n')
  // Without parameters, or it would be planned anew for each.
  .replaceAll('$1', `'{"since":"00000000-0000-0000-0000-000000000000"}'`);

/** What breaks a law of verify that is about the books alone. */
export async function booksBreaks(road: Road): Promise<string[]> {
  const { rows } = await road.laws.query<{ law: string; what: string }>({
    name: 'laws of the books',
    text: QUERY,
  });
  return rows.map(({ law, what }) => `${law}: ${what}`);
}

/** Lives at whose end the books are asked: that costs as much as a third of a life. */
const EVERY = 4;

export async function booksBreaksOf(road: Road, { seed }: { seed: number }): Promise<string[]> {
  return seed % EVERY === 0 ? booksBreaks(road) : [];
}

/** The same by verify itself, and the laws of the journal; the fake chain has no node to ask. */
export async function verifyBreaks(road: Road): Promise<string[]> {
  const { app: main, journal: signer } = road.wires;
  const report = await verify({ main, signer, nodes: [], since: null, audit: null, progress() {} });
  return report.laws
    .filter(({ status }) => status === 'broken')
    .map(({ law, first }) => `${law}: ${first.map((row) => Object.values(row).join(': ')).join()}`);
}
