import { describe, expect, it } from 'vitest';
import type { PolicyDecision } from '../../../books/policy/index.ts';
import type { StepRow } from '../rows.ts';
import { againOf } from './decided.ts';

const group = { group: 'ops', count: 1 };
const hold = { rule: 'h', hold: 'manual_review', timeoutMs: 1 } as const;
const allow: PolicyDecision = {
  ...{ verdict: 'allow', tier: { name: 't', commitAt: 'safe' }, approvals: null, holds: [] },
  ...{ auditSample: 0, reason: null, trace: [], waits: false, whenUnscreened: 'wait' },
};
const deny: PolicyDecision = { ...allow, verdict: 'deny', tier: null, reason: 'cap: at most 1' };
const at = (status: StepRow['status']) => ({ id: 'w', status }) as StepRow;

describe('a withdrawal that is decided about anew', () => {
  it.each<[string, StepRow['status'], PolicyDecision, boolean, string, string | null]>([
    ['waits and is denied', 'AWAITING_APPROVAL', deny, false, 'denied', 'policy_denied'],
    ['waits and is held', 'AWAITING_APPROVAL', { ...allow, holds: [hold] }, false, 'asked', null],
    [
      'waits and has to be approved',
      'AWAITING_APPROVAL',
      { ...allow, approvals: group },
      false,
      'asked',
      null,
    ],
    ['waits and the signer asks for approvals', 'AWAITING_APPROVAL', allow, true, 'asked', null],
    ['waits and nobody has to be asked', 'AWAITING_APPROVAL', allow, false, 'approved', null],
    ['is open and denied', 'EXECUTING', deny, false, 'ended', 'policy_denied'],
    [
      'is open and held',
      'EXECUTING',
      { ...allow, holds: [hold] },
      false,
      'ended',
      'policy_superseded',
    ],
    [
      'is open and has to be approved',
      'EXECUTING',
      { ...allow, approvals: group },
      false,
      'ended',
      'policy_superseded',
    ],
    [
      'is open and the signer asks for approvals',
      'EXECUTING',
      allow,
      true,
      'ended',
      'policy_superseded',
    ],
    ['is open and allowed', 'EXECUTING', allow, false, 'kept', null],
  ])('%s', (_, status, decision, threshold, next, code) => {
    const said = { decision, own: threshold ? [group] : [], decisionId: 'd' };
    const again = againOf(at(status), undefined, said);
    expect([again.next, again.end?.code ?? null]).toEqual([next, code]);
  });

  it('is told the rule that denies it', () => {
    const { end } = againOf(at('EXECUTING'), undefined, {
      decision: deny,
      own: [],
      decisionId: 'd',
    });
    expect(end?.message).toBe('cap: at most 1');
  });
});
