import type { WhenUnscreened } from '../document/types.ts';
import type { HoldDemand, PolicySubject, TraceStep } from './subject.ts';

/** What every policy has, whatever its document says. No rule of a document can have this id. */
const RULE = '@screening';

/** How long somebody has to clear what nobody could be asked about. */
const HOLD_MS = 86_400_000;

/** Whoever is under sanctions is not paid, by no policy. */
export function screeningDenies({
  riskCategory,
}: Pick<PolicySubject, 'riskCategory'>): Pick<TraceStep, 'rule' | 'detail'> | null {
  return riskCategory === 'sanctions'
    ? { rule: RULE, detail: 'the destination is under sanctions' }
    : null;
}

/** What is said of a subject about whose destination nobody could be asked. */
export function screeningStep(
  when: WhenUnscreened,
  { unscreened }: Pick<PolicySubject, 'unscreened'>,
): TraceStep {
  const verdict = when === 'allow' ? 'pass' : 'hold';
  return { rule: RULE, verdict, detail: `${when}: nobody could say (${unscreened})` };
}

export const SCREENING_HOLD: HoldDemand = { rule: RULE, hold: 'screening', timeoutMs: HOLD_MS };
