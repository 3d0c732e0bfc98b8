import type { Assets, Settings } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { readKnownAt, type Screened } from '../../../books/destination/index.ts';
import {
  type CompiledPolicy,
  type PastDecision,
  type PastSource,
  type PolicySubject,
  UNKNOWN_ASSET,
} from '../../../books/policy/index.ts';
import { requirementsOf } from '../approval/ask.ts';
import { subjectsOf, tenantsOf } from '../decision/judge.ts';
import { newestOf, type PastRow, readPast } from './rows.ts';

type Context = {
  assets: Assets;
  settings: Pick<Settings, 'chains' | 'guard' | 'lanes' | 'screening'>;
};

/** Withdrawals as they were decided about, with what was known of their destinations then. */
export function pastWithdrawals(context: Context): PastSource {
  return {
    newest: newestOf,
    async read(sql, { policy, ...page }) {
      const rows = await readPast(sql, page);
      const subjects = await subjectsThen(context, sql, rows, policy);
      return rows.map((row, index) => decisionOf(context, row, subjects.get(index)));
    },
  };
}

/** `subject` undefined: its asset is configured no more. */
function decisionOf(
  context: Context,
  row: PastRow,
  subject: PolicySubject | undefined,
): PastDecision {
  const { id, account, asset, amount, decidedAt, endedAt, verdict, held, approvals, tier } = row;
  return {
    ...{ id, kind: 'withdrawal', account, asset, amount, decidedAt, endedAt },
    was: { verdict, held, approvals: approvals ?? [], tier },
    ask(replay, at) {
      if (subject === undefined) return UNKNOWN_ASSET;
      const said = replay.decide(subject, at);
      const { approvals: asked } = said.decision;
      const own = requirementsOf(context, row);
      return { ...said, approvals: asked === null ? own : [...own, asked] };
    },
  };
}

/** By place; what is of no configured asset has none. */
async function subjectsThen(
  context: Context,
  sql: Sql,
  rows: readonly PastRow[],
  policy: CompiledPolicy,
) {
  const known = rows.flatMap((row, place) =>
    context.assets.find(row.asset) === undefined ? [] : { ...row, place },
  );
  const since = policy.asksKnown
    ? await readKnownAt(
        sql,
        known.map(({ recipient: address, decidedAt: at, ...row }) => ({ ...row, address, at })),
      )
    : [];
  const screened = new Map(
    known.flatMap((row): [PastRow, Screened][] =>
      row.inputs?.screening === undefined ? [] : [[row, row.inputs.screening]],
    ),
  );
  const now = await subjectsOf(context, sql, known, {
    screened,
    policy: { ...policy, asksLookAlike: false, asksKnown: false },
    tenants: await tenantsOf(sql, known),
  });
  return new Map(
    known.map(({ place, inputs }, index) => [
      place,
      { ...now[index]!, knownSince: since[index] ?? null, lookAlike: inputs?.lookAlike ?? null },
    ]),
  );
}
