import { expect, it } from 'vitest';
import type { Level, TxState } from '../../../base/kernel/index.ts';
import { decideSettle, isPaidAt, isTakenBack } from './decide-settle.ts';

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
  ['REVERTED', 'finalized', 'none', false, 'wait'],
  ['REVERTED', 'safe', 'safe', false, 'wait'],
  ['CANCELLED', 'safe', 'finalized', false, 'fail filled'],
  ['CANCELLED', 'safe', 'included', false, 'wait'],
  // Looked at before a declared reorg gave it another end.
  ['CANCELLED', 'safe', 'finalized', true, 'wait'],
  ['REVERTED', 'safe', 'finalized', true, 'wait'],
  ['REPLACED', 'safe', 'none', false, 'wait'],
];

it.each(TABLE)(
  '%s, settling at %s, shown as %s (paid: %s): %s',
  (status, settleAt, level, paid, expected) => {
    const tx = { status, settleAt, failureCode: null, failureMessage: null, slot: {} };
    const action = decideSettle('EXECUTING', tx, { level, paid, replaced: false });
    expect(action.kind === 'fail' ? `fail ${action.code}` : action.kind).toBe(expected);
  },
);

it('fails where another transaction used its nonce; where that paid it, two persons have ended it', () => {
  const shown = { level: 'none', paid: false, replaced: true } as const;
  const tx = { status: 'REPLACED', settleAt: 'safe', failureMessage: null, slot: {} } as const;
  for (const from of ['EXECUTING', 'REVERSED'] as const) {
    const failed = decideSettle(from, { ...tx, failureCode: 'replaced' }, shown);
    expect(failed).toMatchObject({ kind: 'fail', code: 'replaced' });
    expect(decideSettle(from, { ...tx, failureCode: null }, shown)).toEqual({ kind: 'wait' });
  }
});

it.each<['replaced' | null, TxState, Level, boolean, boolean]>([
  ['replaced', 'REPLACED', 'none', true, false],
  ['replaced', 'REPLACED', 'none', false, true],
  ['replaced', 'REPLACED', 'included', false, true],
  ['replaced', 'REPLACED', 'finalized', false, true],
  [null, 'REPLACED', 'none', false, false],
  [null, 'FINAL', 'none', false, false],
])('fails by a foreign use as long as that stands: %s %s, %s, stands: %s', (...row) => {
  const [failureCode, status, level, replaced, takenBack] = row;
  const tx = { status, settleAt: 'safe', failureCode, failureMessage: null, slot: {} } as const;
  const shown = { level, paid: level !== 'none', replaced };
  expect(isTakenBack(tx, shown)).toBe(takenBack);
  if (takenBack) expect(decideSettle('EXECUTING', tx, shown)).toEqual({ kind: 'wait' });
});

it('fails with the reason that the transaction has', () => {
  const told = { failureCode: 'signer_refused', failureMessage: 'cap' };
  const tx = { status: 'CANCELLED', settleAt: 'safe', ...told, slot: {} } as const;
  const action = decideSettle('EXECUTING', tx, {
    level: 'finalized',
    paid: false,
    replaced: false,
  });
  expect(action).toEqual({
    kind: 'fail',
    cancelled: false,
    code: 'signer_refused',
    message: 'cap',
  });
});

it('is cancelled where its client asked for it, whatever else was wrong', () => {
  const told = { failureCode: 'cancelled_by_client', failureMessage: 'a node refused it' };
  const tx = { status: 'CANCELLED', settleAt: 'safe', ...told, slot: {} } as const;
  const action = decideSettle('EXECUTING', tx, {
    level: 'finalized',
    paid: false,
    replaced: false,
  });
  expect(action).toEqual({
    kind: 'fail',
    cancelled: true,
    code: 'cancelled_by_client',
    message: null,
  });
});

const PLAIN = { settleAt: 'safe', failureCode: null, failureMessage: null } as const;

it('fails what never had a slot without asking the chain', () => {
  const tx = { ...PLAIN, status: 'CANCELLED', slot: null } as const;
  expect(decideSettle('EXECUTING', tx, { level: 'none', paid: false, replaced: false }).kind).toBe(
    'fail',
  );
});

it.each<[TxState, Level, boolean, string]>([
  ['INCLUDED', 'none', false, 'wait'],
  ['INCLUDED', 'safe', true, 'wait'],
  ['INCLUDED', 'finalized', true, 'commit'],
  ['INCLUDED', 'finalized', false, 'wait'],
  ['FINAL', 'none', false, 'wait'],
  ['FINAL', 'finalized', true, 'commit'],
  ['REVERTED', 'finalized', false, 'fail'],
  ['CANCELLED', 'finalized', false, 'fail'],
  ['CANCELLED', 'safe', false, 'wait'],
])(
  'REVERSED settles at finalized only: %s, shown as %s (paid: %s): %s',
  (status, level, paid, expected) => {
    const tx = { ...PLAIN, status, slot: {} };
    expect(decideSettle('REVERSED', tx, { level, paid, replaced: false }).kind).toBe(expected);
  },
);

it.each<['safe' | 'finalized', Level, boolean, boolean]>([
  ['safe', 'none', false, false],
  ['safe', 'included', true, false],
  ['safe', 'safe', true, true],
  ['safe', 'safe', false, false],
  ['safe', 'finalized', true, true],
  ['finalized', 'safe', true, false],
  ['finalized', 'finalized', true, true],
])('a commit at %s, shown as %s (paid: %s) stands: %s', (level, shown, paid, stands) => {
  expect(isPaidAt(level, { level: shown, paid })).toBe(stands);
});
