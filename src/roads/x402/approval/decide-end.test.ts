import { describe, expect, it } from 'vitest';
import type { ApprovalState } from '../../../base/kernel/index.ts';
import { decideEnd, type End } from './decide-end.ts';

const SIGNED_UNTIL = 1_000;
const YES = { used: true, runOut: true };
const NO = { used: false, runOut: false };

function facts(status: ApprovalState, over: { expired?: boolean; expiry?: number } = {}) {
  const { expired = false, expiry = SIGNED_UNTIL } = over;
  return {
    payment: { method: 'eip3009' as const, validBefore: BigInt(SIGNED_UNTIL) },
    request: { status, expired, content: { expiry } },
    superseded: false,
  };
}
const no = (reason: string) => ({ kind: 'end', to: 'AUTH_REJECTED', reason });
const late = { expired: true };
const early = { expired: true, expiry: SIGNED_UNTIL - 1 };

describe('a payment that waits for persons', () => {
  it.each<[string, Parameters<typeof decideEnd>, End | object]>([
    ['waits while they have time', [facts('PENDING')], { kind: 'wait' }],
    ['waits for the step that goes on once they said yes', [facts('APPROVED')], { kind: 'wait' }],
    ['ends by their no', [facts('REJECTED')], no('approval_rejected')],
    ['ends by their no also when it is late', [facts('REJECTED', late)], no('approval_rejected')],
    [
      'ends when its policy was tightened, whatever they say',
      [{ ...facts('APPROVED'), superseded: true }],
      no('policy_superseded'),
    ],
    ['ends with their time', [facts('PENDING', early)], no('approval_expired')],
    ['ends where their yes came to nothing', [facts('APPROVED', early)], no('approval_expired')],
    ['asks the chain when its own time is over', [facts('PENDING', late)], { kind: 'ask' }],
    ['waits for the time of the chain', [facts('PENDING', late), NO], { kind: 'wait' }],
    [
      'has expired when the chain says so',
      [facts('PENDING', late), { ...NO, runOut: true }],
      {
        ...{ kind: 'end', to: 'EXPIRED' },
        reason: 'invalid_exact_evm_payload_authorization_valid_before',
      },
    ],
    [
      'ends when somebody else took it',
      [facts('PENDING', late), YES],
      no('invalid_exact_evm_nonce_already_used'),
    ],
  ])('%s', (_, given, end) => {
    expect(decideEnd(...given)).toEqual(end);
  });
});
