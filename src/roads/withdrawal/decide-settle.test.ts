import { expect, it } from 'vitest';
import type { Level, TxState } from '../../base/kernel/index.ts';
import { decideSettle } from './decide-settle.ts';

type Row = [TxState, 'safe' | 'finalized', Level, boolean, string];

// status of the tx, settles at, level of its canonical inclusion, shows the effect, what follows.
const TABLE: Row[] = [
  ['CREATED', 'safe', 'none', false, 'wait'],
  ['SLOTTED', 'safe', 'none', false, 'wait'],
  ['SIGNED', 'safe', 'none', false, 'wait'],
  ['SIGNED', 'safe', 'finalized', true, 'wait'],
  ['BROADCASTED', 'safe', 'none', false, 'wait'],
  ['BROADCASTED', 'safe', 'safe', true, 'wait'],
  ['INCLUDED', 'safe', 'none', false, 'wait'],
  ['INCLUDED', 'safe', 'included', true, 'wait'],
  ['INCLUDED', 'safe', 'safe', true, 'commit'],
  ['INCLUDED', 'safe', 'finalized', true, 'commit'],
  ['INCLUDED', 'safe', 'safe', false, 'wait'],
  ['INCLUDED', 'safe', 'finalized', false, 'wait'],
  ['INCLUDED', 'finalized', 'included', true, 'wait'],
  ['INCLUDED', 'finalized', 'safe', true, 'wait'],
  ['INCLUDED', 'finalized', 'finalized', true, 'commit'],
  ['FINAL', 'finalized', 'finalized', true, 'commit'],
  ['FINAL', 'safe', 'finalized', true, 'commit'],
  ['FINAL', 'finalized', 'safe', true, 'wait'],
  ['FINAL', 'finalized', 'none', false, 'wait'],
  ['REVERTED', 'safe', 'finalized', false, 'fail reverted'],
  ['REVERTED', 'finalized', 'none', false, 'fail reverted'],
  ['CANCELLED', 'safe', 'finalized', false, 'fail filled'],
  ['CANCELLED', 'safe', 'none', false, 'fail filled'],
  ['REPLACED', 'safe', 'none', false, 'fail filled'],
];

it.each(TABLE)(
  '%s, settling at %s, shown as %s (paid: %s): %s',
  (status, settleAt, level, paid, expected) => {
    const action = decideSettle(
      { status, settleAt, failureCode: null, failureMessage: null },
      { level, paid },
    );
    expect(action.kind === 'fail' ? `fail ${action.code}` : action.kind).toBe(expected);
  },
);

it('fails with the reason that the transaction has', () => {
  const action = decideSettle(
    { status: 'CANCELLED', settleAt: 'safe', failureCode: 'signer_refused', failureMessage: 'cap' },
    { level: 'finalized', paid: false },
  );
  expect(action).toEqual({
    kind: 'fail',
    cancelled: false,
    code: 'signer_refused',
    message: 'cap',
  });
});

it('is cancelled where its client asked for it, whatever else was wrong', () => {
  const action = decideSettle(
    {
      status: 'CANCELLED',
      settleAt: 'safe',
      failureCode: 'cancelled_by_client',
      failureMessage: 'a node refused it',
    },
    { level: 'finalized', paid: false },
  );
  expect(action).toEqual({
    kind: 'fail',
    cancelled: true,
    code: 'cancelled_by_client',
    message: null,
  });
});
