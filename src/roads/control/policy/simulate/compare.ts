import { isDeepStrictEqual } from 'node:util';
import type { Requirement } from '../../../../base/config/index.ts';
import type { PastDecision, PolicyDecision } from '../../../../books/policy/index.ts';

/** Who had to say something before it was paid. */
export type Outcome = 'denied' | 'allowed' | 'approved' | 'held' | 'held_and_approved';
export type Said = {
  outcome: Outcome;
  tier: string | null;
  /** What persons are asked for, all of it; none: nobody is asked. */
  approvals: readonly Requirement[];
};

export function saidThen({ verdict, held, approvals, tier }: PastDecision['was']): Said {
  return saidOf({ denied: verdict === 'deny', held }, tier, approvals);
}

/**
 * What a draft says; `approvals`: what persons are asked for. What would have waited for screening counts as held.
 */
export function wouldSay(
  { verdict, waits, holds, tier, trace, reason }: PolicyDecision,
  approvals: readonly Requirement[],
): Said & { reason: string | null } {
  const held = trace.find((step) => step.verdict === 'hold');
  const stopped = { denied: verdict === 'deny', held: waits || holds.length > 0 };
  return {
    ...saidOf(stopped, tier?.name ?? null, approvals),
    reason: reason ?? (held === undefined ? null : `${held.rule}: ${held.detail}`),
  };
}

export function isSame(one: Said, other: Said): boolean {
  return isDeepStrictEqual(one, other);
}

function saidOf(
  { denied, held }: { denied: boolean; held: boolean },
  tier: string | null,
  approvals: readonly Requirement[],
): Said {
  if (denied) return { outcome: 'denied', tier, approvals: [] };
  const asked = approvals.length > 0;
  const outcome = held ? (asked ? 'held_and_approved' : 'held') : asked ? 'approved' : 'allowed';
  return { outcome, tier, approvals };
}
