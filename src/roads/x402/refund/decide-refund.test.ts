import { describe, expect, it } from 'vitest';
import { isRefusal, PAYMENT, type PaymentState } from '../../../base/kernel/index.ts';
import type { PaymentRow } from '../payment/rows.ts';
import { decideRefund } from './decide-refund.ts';

type Case = {
  status?: PaymentState;
  /** The block that pays it; finalized is 80. */
  block?: number;
  halted?: boolean;
  refunded?: bigint;
  wanted?: bigint | null;
  custodial?: boolean;
  available?: bigint | null;
};

/** Of a payment of 1.000000. */
function decide(of: Case): string {
  const payment = {
    status: of.status ?? 'SETTLED',
    paid: { blockNumber: of.block ?? 80 },
    head: { latest: 100, safe: 90, finalized: 80, halted: of.halted ?? false },
    amount: 1_000_000n,
    refunded: of.refunded ?? 0n,
    custody: of.custodial === false ? null : { laneId: 1, account: 'merchant:shop' },
  } as PaymentRow;
  const decision = decideRefund({
    payment,
    asset: { id: 'USDC', decimals: 6 },
    wanted: of.wanted === undefined ? null : of.wanted,
    available: of.available === undefined ? 5_000_000n : of.available,
  });
  if (!isRefusal(decision)) return decision.toString();
  const { reason, refundable, available } = decision.members ?? {};
  return [decision.code, reason ?? refundable ?? available].filter(Boolean).join(' ');
}

describe('a refund', () => {
  it.each<[string, Case, string]>([
    ['gives back everything', {}, '1000000'],
    ['gives back a part', { wanted: 1n }, '1'],
    ['gives back the rest', { status: 'REFUNDED', refunded: 400_000n }, '600000'],
    ['beside another', { status: 'REFUND_PENDING', refunded: 999_999n, wanted: 1n }, '1'],
    ['of what was settled again', { status: 'RESETTLED' }, '1000000'],
    ['never more than was paid', { wanted: 1_000_001n }, 'refund_exceeds_payment 1'],
    [
      'never more than is left',
      { status: 'REFUNDED', refunded: 400_000n, wanted: 600_001n },
      'refund_exceeds_payment 0.6',
    ],
    ['of nothing', { status: 'REFUNDED', refunded: 1_000_000n }, 'refund_exceeds_payment 0'],
    ['before it is final', { block: 81 }, 'not_refundable not_final'],
    ['on a halted chain', { halted: true }, 'not_refundable not_final'],
    ['of what went elsewhere', { custodial: false, available: null }, 'not_custodial'],
    ['out of a funded account', { custodial: false, available: 1_000_000n }, '1000000'],
    ['beyond the balance', { available: 999_999n }, 'insufficient_balance 0.999999'],
    ['out of nothing', { available: null }, 'insufficient_balance 0'],
  ])('%s', (_, of, wanted) => {
    expect(decide(of)).toBe(wanted);
  });

  it('is of what was settled alone', () => {
    const states = Object.keys(PAYMENT.moves) as PaymentState[];
    const may = states.filter((status) => decide({ status }) === '1000000');
    expect(may).toEqual(['SETTLED', 'RESETTLED', 'REFUND_PENDING', 'REFUNDED']);
  });
});
