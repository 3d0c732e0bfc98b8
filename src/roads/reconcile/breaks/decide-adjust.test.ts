import { expect, it } from 'vitest';
import type { AccountKey } from '../../../books/ledger/index.ts';
import { adjustmentsProbe, planAdjustments } from './decide-adjust.ts';
import type { Adjustment } from './form.ts';

const ABOUT = { tenantId: 't', laneId: 7, subjectId: 's', correlationId: 'c' };
const left = (amount: bigint, asset = 'USDC'): Adjustment => ({ asset, amount, movement: 'left' });
const arrived = (amount: bigint, asset = 'USDC'): Adjustment => ({
  asset,
  amount,
  movement: 'arrived',
});

/** Balances of the lane and of suspense, in USDC; others have nothing. */
const plan = (hot: bigint, suspense: bigint, adjustments: Adjustment[]) => {
  const has: Partial<Record<AccountKey['kind'], bigint>> = { hot, suspense };
  const planned = planAdjustments(ABOUT, adjustments, (key) =>
    key.asset === 'USDC' ? (has[key.kind] ?? 0n) : 0n,
  );
  if ('short' in planned) return planned.short;
  return planned.map(({ kind, postings: [posting] }) =>
    [kind, posting!.debit.kind, posting!.credit.kind, posting!.amount].join(' '),
  );
};

it.each<[string, bigint, bigint, Adjustment[], string[] | RegExp]>([
  ['nothing to move', 0n, 0n, [], []],
  ['a loss', 10n, 0n, [left(4n)], ['ADJUST suspense hot 4']],
  ['the whole lane', 10n, 0n, [left(10n)], ['ADJUST suspense hot 10']],
  ['more than the lane has', 10n, 0n, [left(11n)], /have 10 base units .* on lane 7; 11 can not/],
  ['more in two parts', 10n, 0n, [left(6n), left(5n)], /have 4 base units/],
  ['what suspense has', 0n, 9n, [arrived(4n)], ['ADJUST hot suspense 4']],
  [
    'more than suspense has',
    0n,
    3n,
    [arrived(4n)],
    ['ADJUST hot suspense 3', 'FUND hot capital 1'],
  ],
  ['a gain with nothing in suspense', 0n, 0n, [arrived(4n)], ['FUND hot capital 4']],
  [
    'a loss that came back',
    5n,
    0n,
    [left(5n), arrived(5n)],
    ['ADJUST suspense hot 5', 'ADJUST hot suspense 5'],
  ],
  ['of another asset', 10n, 0n, [left(1n, 'ETH')], /have 0 base units of ETH/],
])('%s', (_, hot, suspense, adjustments, expected) => {
  const planned = plan(hot, suspense, adjustments);
  if (expected instanceof RegExp) expect(planned).toMatch(expected);
  else expect(planned).toEqual(expected);
});

it('touches no account that its probe does not name', () => {
  const named = adjustmentsProbe(ABOUT, [arrived(4n)]).flatMap(({ postings }) =>
    postings.flatMap(({ debit, credit }) => [debit.kind, credit.kind]),
  );
  expect(new Set(named)).toEqual(new Set(['hot', 'suspense', 'capital']));
});
