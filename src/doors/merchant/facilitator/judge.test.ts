import { describe, expect, it } from 'vitest';
import { type Heard, isUnderWay, judgeAnswer } from './judge.ts';

const answer = (status: number, body: Record<string, unknown> | null): Heard => ({
  kind: 'answer',
  status,
  body,
});

describe('an answer to a settle', () => {
  it.each<[string, Heard, string]>([
    ['a success', answer(200, { success: true }), 'verdict'],
    ['a no', answer(200, { success: false, errorReason: 'x' }), 'verdict'],
    ['a no without a reason', answer(200, { success: false }), 'verdict'],
    ['a conflict', answer(409, { success: false, errorReason: 'y' }), 'verdict'],
    ['pending', answer(200, { success: false, errorReason: 'settlement_pending' }), 'unknown'],
    ['pending without success', answer(202, { errorReason: 'settlement_pending' }), 'unknown'],
    [
      'an outage',
      answer(503, { success: false, errorReason: 'unexpected_settle_error' }),
      'unknown',
    ],
    ['a proxy that gave up', answer(502, null), 'unknown'],
    ['a proxy that waited too long', answer(504, null), 'unknown'],
    ['too many questions', answer(429, { code: 'rate_limited' }), 'unknown'],
    ['an empty 200', answer(200, {}), 'unknown'],
    ['success that is no boolean', answer(200, { success: 'true' }), 'unknown'],
    ['silence', { kind: 'silence', cause: 'cut off' }, 'unknown'],
    ['no key', answer(401, { code: 'unauthenticated' }), 'refused'],
    ['a wrong address', answer(404, null), 'refused'],
    ['a redirect', answer(302, null), 'refused'],
  ])('%s', (_, heard, kind) => {
    expect(judgeAnswer(heard, 'success').kind).toBe(kind);
  });

  it('that is none says why in its own words', () => {
    const body = { code: 'missing_scope', detail: 'The key acts for no merchant.' };
    expect(judgeAnswer(answer(403, body), 'success')).toEqual({
      kind: 'refused',
      why: 'HTTP 403: missing_scope: The key acts for no merchant.',
    });
  });
});

describe('a payment', () => {
  it.each<[string, string, string, boolean]>([
    ['RESERVED', 'none', 'included', true],
    ['INCLUDED', 'included', 'included', false],
    ['INCLUDED', 'included', 'finalized', true],
    ['INCLUDED', 'finalized', 'finalized', false],
    ['CHAIN_FAILED', 'none', 'included', false],
    ['AUTH_VERIFIED', 'none', 'included', false],
    ['SETTLED', 'finalized', 'safe', false],
    ['of a later version', 'none', 'safe', false],
  ])('%s at %s of %s: under way %s', (status, level, waitUntil, expected) => {
    expect(isUnderWay({ status, waitUntil, confirmation: { level } })).toBe(expected);
  });
});
