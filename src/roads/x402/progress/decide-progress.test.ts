import { describe, expect, it } from 'vitest';
import type { PaymentState, TxState } from '../../../base/kernel/index.ts';
import type { PaymentRow } from '../payment/rows.ts';
import { decideProgress, type Evidence } from './decide-progress.ts';

type Case = {
  status: PaymentState;
  tx?: TxState;
  failureCode?: string;
  /** The block that pays it; the head is at 100, safe 90, finalized 80. */
  paid?: number;
  commitAt?: 'safe' | 'finalized';
  halted?: boolean;
  evidence?: Evidence;
  method?: 'permit2';
};

function decide(of: Case): string {
  const row = {
    status: of.status,
    method: of.method ?? 'eip3009',
    commitAt: of.commitAt ?? 'finalized',
    tx:
      of.tx === undefined
        ? null
        : { txId: 't', status: of.tx, failureCode: of.failureCode ?? null },
    paid: of.paid === undefined ? null : { blockNumber: of.paid },
    head: { latest: 100, safe: 90, finalized: 80, halted: of.halted ?? false },
  } as PaymentRow;
  const progress = decideProgress(row, of.evidence);
  if (progress.kind !== 'move') return progress.kind;
  return [...progress.path, ...(progress.failure === null ? [] : [progress.failure])].join(' ');
}

const NOTHING = { used: false, runOut: false, alike: false };
const CANCELLED = { used: true, runOut: true, alike: false };
const SIMULATION = 'invalid_exact_evm_transaction_simulation_failed';
const FAILED = 'invalid_exact_evm_transaction_failed';
const EXPIRED = 'invalid_exact_evm_payload_authorization_valid_before';

describe('a payment', () => {
  it.each<[string, Case, string]>([
    ['waits for its block', { status: 'RESERVED', tx: 'BROADCASTED' }, 'stay'],
    ['that is not reserved moves by itself nowhere', { status: 'AUTH_VERIFIED' }, 'stay'],
    ['is included', { status: 'RESERVED', tx: 'INCLUDED', paid: 95 }, 'BROADCASTED INCLUDED'],
    ['stays included below its level', { status: 'INCLUDED', tx: 'INCLUDED', paid: 85 }, 'stay'],
    [
      'commits at safe where its tier does',
      { status: 'INCLUDED', tx: 'INCLUDED', paid: 85, commitAt: 'safe' },
      'LEDGER_COMMITTED SETTLED',
    ],
    [
      'commits when it is final',
      { status: 'INCLUDED', tx: 'FINAL', paid: 80 },
      'FINALIZED LEDGER_COMMITTED SETTLED',
    ],
    [
      'goes all the way at once',
      { status: 'RESERVED', tx: 'FINAL', paid: 80 },
      'BROADCASTED INCLUDED FINALIZED LEDGER_COMMITTED SETTLED',
    ],
    [
      'moves nowhere on a halted chain',
      { status: 'RESERVED', tx: 'FINAL', paid: 80, halted: true },
      'stay',
    ],
    ['whose transaction reverted is asked about', { status: 'RESERVED', tx: 'INCLUDED' }, 'ask'],
    [
      'does not fail before that is final',
      { status: 'RESERVED', tx: 'INCLUDED', evidence: NOTHING },
      'stay',
    ],
    [
      'fails when it is',
      { status: 'RESERVED', tx: 'REVERTED', evidence: NOTHING },
      `CHAIN_FAILED ${FAILED}`,
    ],
    [
      'fails by what the simulation said',
      {
        status: 'RESERVED',
        tx: 'CANCELLED',
        failureCode: 'simulation_reverted',
        evidence: NOTHING,
      },
      `CHAIN_FAILED ${SIMULATION}`,
    ],
    [
      'fails by the policy that was tightened before it had a nonce',
      {
        status: 'RESERVED',
        tx: 'CANCELLED',
        failureCode: 'policy_superseded',
        evidence: NOTHING,
      },
      'CHAIN_FAILED policy_denied',
    ],
    [
      'whose authorization was taken waits for the block that shows by what',
      { status: 'RESERVED', tx: 'REVERTED', evidence: { ...NOTHING, used: true } },
      'stay',
    ],
    [
      'whose authorization was cancelled fails when no block can hold what took it',
      { status: 'RESERVED', tx: 'REVERTED', evidence: CANCELLED },
      'CHAIN_FAILED invalid_exact_evm_nonce_already_used',
    ],
    [
      'does not while something may be what took it',
      { status: 'RESERVED', tx: 'REVERTED', evidence: { ...CANCELLED, alike: true } },
      'stay',
    ],
    [
      'by Permit2 fails in words of its own',
      { status: 'RESERVED', tx: 'REVERTED', evidence: CANCELLED, method: 'permit2' },
      'CHAIN_FAILED permit2_invalid_nonce',
    ],
    [
      'by Permit2 expires in words of its own',
      {
        status: 'RESERVED',
        tx: 'REVERTED',
        evidence: { ...NOTHING, runOut: true },
        method: 'permit2',
      },
      'EXPIRED permit2_deadline_expired',
    ],
    [
      'expires by the final block’s clock',
      {
        status: 'RESERVED',
        tx: 'CANCELLED',
        failureCode: 'expired',
        evidence: { ...NOTHING, runOut: true },
      },
      `EXPIRED ${EXPIRED}`,
    ],
    [
      'does not before',
      { status: 'RESERVED', tx: 'CANCELLED', failureCode: 'expired', evidence: NOTHING },
      'stay',
    ],
    [
      'that another landed is paid',
      { status: 'RESERVED', tx: 'REVERTED', paid: 80 },
      'BROADCASTED INCLUDED FINALIZED LEDGER_COMMITTED SETTLED',
    ],
    [
      'settled at safe is reversed when its block is gone',
      { status: 'SETTLED', tx: 'INCLUDED', commitAt: 'safe' },
      'REVERSED',
    ],
    [
      'stays settled while it stands',
      { status: 'SETTLED', tx: 'INCLUDED', paid: 85, commitAt: 'safe' },
      'stay',
    ],
    [
      'reversed settles at finality only',
      { status: 'REVERSED', tx: 'INCLUDED', paid: 85, commitAt: 'safe' },
      'stay',
    ],
    ['reversed settles again', { status: 'REVERSED', tx: 'FINAL', paid: 80 }, 'RESETTLED'],
    ['that has ended stays so', { status: 'EXPIRED', tx: 'FINAL', paid: 80 }, 'stay'],
  ])('%s', (_, of, expected) => {
    expect(decide(of)).toBe(expected);
  });
});
