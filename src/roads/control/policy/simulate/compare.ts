import type { PastDecision, PolicyDecision } from '../../../../books/policy/index.ts';

/** Who had to say something before it was paid. */
export type Outcome = 'denied' | 'allowed' | 'approved' | 'held' | 'held_and_approved';
export type Said = { outcome: Outcome; tier: string | null };

export function saidThen({ verdict, held, asked, tier }: PastDecision['was']): Said {
  return { outcome: outcomeOf(verdict === 'deny', held, asked), tier };
}

/**
 * What a draft says; `asked`: persons are asked whatever policy says. What would have waited for
 * screening counts as held.
 */
export function wouldSay(
  decision: PolicyDecision,
  asked: boolean,
): Said & { reason: string | null } {
  const { verdict, waits, holds, approvals, tier, trace } = decision;
  const held = trace.find((step) => step.verdict === 'hold');
  return {
    outcome: outcomeOf(verdict === 'deny', waits || holds.length > 0, asked || approvals !== null),
    tier: tier?.name ?? null,
    reason: decision.reason ?? (held === undefined ? null : `${held.rule}: ${held.detail}`),
  };
}

function outcomeOf(denied: boolean, held: boolean, asked: boolean): Outcome {
  if (denied) return 'denied';
  if (held) return asked ? 'held_and_approved' : 'held';
  return asked ? 'approved' : 'allowed';
}
