import { describe, expect, it } from 'vitest';
import type { Requirement } from '../../../base/config/index.ts';
import { tallyOf, thresholdOf } from './quorum.ts';

const GROUPS = [
  { id: 'finance', members: ['alice', 'bob', 'carol'] },
  { id: 'security', members: ['carol', 'dave'] },
];
const two = { group: 'finance', count: 2 };
const one = { group: 'security', count: 1 };

describe('a requirement', () => {
  it.each<[string, Requirement[], string[], [number, number, boolean]]>([
    ['nothing is asked for', [], [], [0, 0, true]],
    ['nobody has said anything', [two], [], [2, 0, false]],
    ['one of two', [two], ['alice'], [2, 1, false]],
    ['two of two', [two], ['alice', 'carol'], [2, 2, true]],
    ['one who says it twice', [two], ['alice', 'alice'], [2, 1, false]],
    ['one of another group', [two], ['alice', 'dave'], [2, 1, false]],
    ['a stranger', [two], ['alice', 'eve'], [2, 1, false]],
    ['all of two quorums', [{ all: [two, one] }], ['alice', 'bob', 'dave'], [3, 3, true]],
    [
      'who is in both groups fills one place',
      [{ all: [two, one] }],
      ['alice', 'carol'],
      [3, 2, false],
    ],
    [
      'and moves to the other group where others can take the place',
      [{ all: [two, one] }],
      ['carol', 'alice', 'bob'],
      [3, 3, true],
    ],
    ['any of two quorums, by the one', [{ any: [two, one] }], ['dave'], [1, 1, true]],
    ['any of two quorums, by the other', [{ any: [two, one] }], ['alice', 'bob'], [2, 2, true]],
    ['any, with nobody yet: the nearer', [{ any: [two, one] }], [], [1, 0, false]],
    ['all of any', [{ all: [{ any: [two, one] }, one] }], ['carol', 'dave'], [2, 2, true]],
    ['several requirements, the farthest tells', [two, one], ['alice', 'bob'], [1, 0, false]],
    [
      'several requirements, one approval counts for each',
      [two, one],
      ['alice', 'carol'],
      [2, 2, true],
    ],
    ['a group that is gone', [{ group: 'gone', count: 1 }], ['alice'], [1, 0, false]],
  ])('%s', (_, requirements, approvers, [required, given, met]) => {
    expect(tallyOf(requirements, GROUPS, approvers)).toEqual({ required, given, met });
  });
});

describe('a threshold', () => {
  const thresholds: Parameters<typeof thresholdOf>[0] = [
    { kind: 'withdrawal', asset: 'a', above: 1_000n, requirement: two },
    { kind: 'withdrawal', asset: 'a', above: 100n, requirement: one },
    { kind: 'withdrawal', asset: 'b', above: 0n, requirement: two },
    { kind: 'payment', asset: 'a', above: 10n, requirement: two },
  ];

  it.each([
    ['a', 100n, null],
    ['a', 101n, one],
    ['a', 1_000n, one],
    ['a', 1_001n, two],
    ['b', 1n, two],
    ['c', 10_000n, null],
  ])('of %s for %s is the highest below', (asset, amount, requirement) => {
    expect(thresholdOf(thresholds, { kind: 'withdrawal', asset, amount })).toEqual(requirement);
  });

  it('of payments is about payments alone', () => {
    expect(thresholdOf(thresholds, { kind: 'payment', asset: 'a', amount: 11n })).toEqual(two);
    expect(thresholdOf(thresholds, { kind: 'payment', asset: 'b', amount: 11n })).toBe(null);
  });
});
