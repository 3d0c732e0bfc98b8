import type { Assets, Settings } from '../../../base/config/index.ts';
import { merchantAccount } from '../../../books/access/index.ts';
import {
  type CompiledPolicy,
  type PastDecision,
  type PastSource,
  type PolicyReplay,
  type PolicySubject,
  UNKNOWN_ASSET,
} from '../../../books/policy/index.ts';
import {
  type JudgedPayment,
  judgeConfigured,
  requirementsOf,
  subjectsOf,
  unheld,
} from '../policy/judge.ts';
import { newestOf, type PastRow, readPast } from './rows.ts';

type Context = { assets: Assets; settings: Pick<Settings, 'lanes' | 'guard'> };

/** Payments as they were decided about, with what was known of payer and payee then. */
export function pastPayments(context: Context): PastSource {
  const { assets } = context;
  return {
    newest: newestOf,
    async read(sql, { policy, ...page }) {
      const rows = await readPast(sql, page);
      const asked = rows
        .filter(({ asset }) => assets.find(asset) !== undefined)
        .map((row) => ({ ...row, parties: row.inputs?.screening ?? null }));
      const subjects = await subjectsOf(context, sql, asked);
      const known = new Map(
        asked.map((payment, index) => [payment.id, { payment, subject: subjects[index]! }]),
      );
      return rows.map((row) =>
        decisionOf(row, (replay, at) => {
          const then = known.get(row.id);
          return then === undefined
            ? UNKNOWN_ASSET
            : askThen(context, policy, { ...then, replay, at });
        }),
      );
    },
  };
}

function decisionOf(row: PastRow, ask: PastDecision['ask']): PastDecision {
  const {
    id,
    merchantName: name,
    asset,
    amount,
    decidedAt,
    endedAt,
    verdict,
    approvals,
    tier,
  } = row;
  return {
    ...{
      id,
      kind: 'payment',
      account: merchantAccount({ name }),
      asset,
      amount,
      decidedAt,
      endedAt,
    },
    was: { verdict, held: false, approvals: approvals ?? [], tier },
    ask,
  };
}

/** By the document where a rule of it is about payments, else by the configuration, as when one is reserved. */
function askThen(
  { assets, settings }: Context,
  policy: CompiledPolicy,
  then: { payment: JudgedPayment; subject: PolicySubject; replay: PolicyReplay; at: number },
) {
  const { payment, subject, replay, at } = then;
  if (!policy.judgesPayments) {
    const decision = judgeConfigured(assets, payment);
    const approvals = requirementsOf(settings, payment, decision);
    return { decision, approvals, giveBack: () => {} };
  }
  const said = replay.decide(subject, at);
  const decision = unheld(said.decision);
  // What would have to be held is denied, and takes nothing.
  if (decision !== said.decision) said.giveBack();
  return {
    decision,
    approvals: requirementsOf(settings, payment, decision),
    giveBack: decision === said.decision ? said.giveBack : () => {},
  };
}
