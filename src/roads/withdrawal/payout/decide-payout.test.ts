import { expect, it } from 'vitest';
import type { WithdrawalState } from '../../../base/kernel/index.ts';
import { decidePayout, type Shown } from './decide-payout.ts';

it.each<[WithdrawalState, Shown['tx'], string]>([
  ['REQUESTED', null, 'open'],
  ['RESERVED', null, 'open'],
  ['AWAITING_APPROVAL', null, 'open'],
  ['APPROVED', null, 'open'],
  ['EXECUTING', 'INCLUDED', 'open'],
  ['COMPLETED', 'INCLUDED', 'open'],
  ['COMPLETED', 'FINAL', 'paid'],
  // Two persons decided that it counts as paid.
  ['COMPLETED', 'REVERTED', 'paid'],
  ['REVERSED', 'BROADCASTED', 'open'],
  ['RESETTLED', 'INCLUDED', 'open'],
  ['RESETTLED', 'FINAL', 'paid'],
  ['REJECTED', null, 'unpaid why'],
  ['CANCELLED', 'CANCELLED', 'unpaid why'],
  ['EXPIRED', null, 'unpaid why'],
  ['FAILED', 'REVERTED', 'unpaid why'],
])('an order whose withdrawal is %s with its transaction %s is %s', (status, tx, wanted) => {
  const end = decidePayout({ status, tx, failureCode: 'why', orphaned: false });
  const told = end?.outcome === 'unpaid' ? `unpaid ${end.failureCode}` : (end?.outcome ?? 'open');
  expect(told).toBe(wanted);
});

it('an order whose withdrawal is committed on what left the chain is open until it is reversed or stands', () => {
  for (const tx of ['FINAL', 'CANCELLED'] as const) {
    const shown = { status: 'COMPLETED', tx, failureCode: null, orphaned: true } as const;
    expect(decidePayout(shown)).toBeNull();
  }
});
