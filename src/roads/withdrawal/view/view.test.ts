import { describe, expect, it } from 'vitest';
import type { Level, TxState, WithdrawalState } from '../../../base/kernel/index.ts';
import { PUBLIC_STATUSES, type PublicStatus } from '../types.ts';
import { publicStatus } from './view.ts';

describe('the public status', () => {
  it.each<[TxState, Level, Level, PublicStatus]>([
    ['CREATED', 'none', 'none', 'APPROVED'],
    ['SLOTTED', 'none', 'none', 'APPROVED'],
    ['CANCELLED', 'none', 'none', 'APPROVED'],
    ['SIGNED', 'none', 'none', 'SIGNED'],
    ['BROADCASTED', 'none', 'none', 'BROADCASTED'],
    ['INCLUDED', 'included', 'none', 'INCLUDED'],
    ['INCLUDED', 'safe', 'none', 'SAFE'],
    ['INCLUDED', 'finalized', 'none', 'FINALIZED'],
    // Taken back by a reorg, and seen again lower: never less than it was.
    ['INCLUDED', 'none', 'included', 'INCLUDED'],
    ['INCLUDED', 'none', 'safe', 'SAFE'],
    ['INCLUDED', 'included', 'safe', 'SAFE'],
    ['INCLUDED', 'none', 'none', 'INCLUDED'],
    ['FINAL', 'finalized', 'none', 'FINALIZED'],
    ['REVERTED', 'finalized', 'none', 'FINALIZED'],
    ['REPLACED', 'none', 'none', 'FINALIZED'],
  ])(
    'of EXECUTING with a tx %s at %s (furthest %s) is %s',
    (status, level, furthestLevel, shown) => {
      expect(publicStatus('EXECUTING', { status, level, furthestLevel })).toBe(shown);
    },
  );

  it('of EXECUTING before its tx is read is APPROVED', () => {
    expect(publicStatus('EXECUTING', null)).toBe('APPROVED');
  });

  it.each<WithdrawalState>([
    'REQUESTED',
    'RESERVED',
    'AWAITING_APPROVAL',
    'APPROVED',
    'COMPLETED',
    'REVERSED',
    'RESETTLED',
    'REJECTED',
    'CANCELLED',
    'EXPIRED',
    'FAILED',
  ])('of %s is the state itself, whatever the chain shows', (state) => {
    expect(publicStatus(state, { status: 'SIGNED', level: 'none', furthestLevel: 'none' })).toBe(
      state,
    );
  });

  it('never falls along the road', () => {
    const road: [TxState, Level, Level][] = [
      ['CREATED', 'none', 'none'],
      ['SLOTTED', 'none', 'none'],
      ['SIGNED', 'none', 'none'],
      ['BROADCASTED', 'none', 'none'],
      ['INCLUDED', 'included', 'none'],
      ['INCLUDED', 'safe', 'none'],
      ['INCLUDED', 'none', 'safe'],
      ['INCLUDED', 'included', 'safe'],
      ['INCLUDED', 'finalized', 'safe'],
      ['FINAL', 'finalized', 'safe'],
    ];
    const places = road.map(([status, level, furthestLevel]) =>
      PUBLIC_STATUSES.indexOf(publicStatus('EXECUTING', { status, level, furthestLevel })),
    );
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });
});
