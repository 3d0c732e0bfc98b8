import type { Sql } from '../../../base/db/index.ts';
import { toHex, type WithdrawalState } from '../../../base/kernel/index.ts';
import { readScreened, type Screened, wantScreened } from '../../../books/destination/index.ts';
import type { WithdrawalContext } from '../context.ts';
import type { StepRow } from '../rows.ts';
import type { WithdrawalView } from '../types.ts';

type Row = Pick<StepRow, 'asset' | 'recipient'>;

/** What screening says of the destinations of rows, by row; empty where nobody is asked, and without a look. */
export async function screenedOf<R extends Row>(
  { assets, settings }: Pick<WithdrawalContext, 'assets' | 'settings'>,
  sql: Sql,
  rows: readonly R[],
): Promise<Map<R, Screened>> {
  if (settings.screening === null) return new Map();
  const placed = rows.flatMap((row) => placeOf(assets, row) ?? []);
  const said = await readScreened(
    sql,
    placed.map(({ place }) => place),
    settings.screening.maxAgeMs,
  );
  return new Map(placed.map(({ row }, index) => [row, said[index]!]));
}

/** The same, and asks for what nobody knows yet: those rows wait. */
export async function screen<R extends Row>(
  context: Pick<WithdrawalContext, 'assets' | 'settings'>,
  sql: Sql,
  rows: readonly R[],
): Promise<Map<R, Screened>> {
  const screened = await screenedOf(context, sql, rows);
  await wantScreened(
    sql,
    [...screened].flatMap(([row, { kind }]) =>
      kind === 'wanted' ? placeOf(context.assets, row)!.place : [],
    ),
  );
  return screened;
}

/** What is not configured any more is denied anyway. */
function placeOf<R extends Row>(assets: WithdrawalContext['assets'], row: R) {
  const asset = assets.find(row.asset);
  if (asset === undefined) return null;
  return { row, place: { chainId: asset.chainId, address: row.recipient } };
}

/** As policy is asked; without a word of screening nothing is known, and where nobody is asked nothing waits. */
export function riskOf(screened: Screened | undefined) {
  switch (screened?.kind) {
    case undefined:
      return { riskScore: null, riskCategory: null, unscreened: null };
    case 'known':
      return { riskScore: screened.score, riskCategory: screened.category, unscreened: null };
    case 'wanted':
      return { riskScore: null, riskCategory: null, unscreened: 'nobody was asked yet' };
    case 'unavailable':
      return { riskScore: null, riskCategory: null, unscreened: screened.reason };
  }
}

type ViewRow = { id: string; status: WithdrawalState; asset: string; recipient: Buffer };

/** What those that are not decided yet wait for, by id: nothing is decided before somebody said how risky it is. */
export async function readUnscreened(
  context: Pick<WithdrawalContext, 'assets' | 'settings'>,
  sql: Sql,
  rows: readonly ViewRow[],
): Promise<Map<string, WithdrawalView['waiting']>> {
  const undecided = rows.flatMap(({ id, status, asset, recipient }) =>
    status === 'RESERVED' ? { id, asset, recipient: toHex(recipient) } : [],
  );
  const screened = await screenedOf(context, sql, undecided);
  const waiting = new Map<string, WithdrawalView['waiting']>();
  for (const [{ id }, said] of screened) {
    if (said.kind === 'wanted') waiting.set(id, { reason: 'screening', detail: null });
    if (said.kind !== 'unavailable') continue;
    waiting.set(id, { reason: 'screening_unavailable', detail: said.reason });
  }
  return waiting;
}
