import { ERRORS } from '../../../base/kernel/index.ts';
import type { Screened } from '../../../books/destination/index.ts';
import type { ScreeningInputs } from '../../../books/policy/index.ts';

/** Why a transaction gets no slot now, or never. */
export type Objection =
  | {
      kind: 'wait';
      reason: 'screening' | 'screening_unavailable' | 'policy_changed' | 'signer_verdict';
      detail?: string;
      /** It may have passed in a moment. */
      soon?: true;
    }
  | {
      kind: 'refused';
      code: 'policy_superseded' | 'screening_refused' | 'signer_refused';
      message: string;
    };

/**
 * What screening says now of a payment that was decided by what it said then; null: nothing against it. `decided` null:
 * nobody was asked then. Who paid although nobody could say, by policy or by a person's word, is not stopped by
 * the same silence again.
 */
export function judgeRescreened(decided: ScreeningInputs | null, now: Screened): Objection | null {
  switch (now.kind) {
    case 'wanted':
      return { kind: 'wait', reason: 'screening' };
    case 'unavailable': {
      const goesOn = decided?.whenUnscreened === 'allow' || decided?.kind === 'unavailable';
      return goesOn ? null : { kind: 'wait', reason: 'screening_unavailable', detail: now.reason };
    }
    case 'known': {
      if (now.category === 'sanctions') return refused('the destination is under sanctions');
      const then = decided?.kind === 'known' ? decided : null;
      // To a policy an unknown score is above every other, so none is worse; a name is what nobody has said yes to.
      if (then !== null && now.score > then.score) {
        return refused(`its risk rose to ${now.score} from ${then.score}`);
      }
      return now.category === null || now.category === then?.category
        ? null
        : refused(`it is called ${now.category} since`);
    }
  }
}

function refused(what: string): Objection {
  const code = 'screening_refused';
  return { kind: 'refused', code, message: `${ERRORS[code].title}: ${what}` };
}
