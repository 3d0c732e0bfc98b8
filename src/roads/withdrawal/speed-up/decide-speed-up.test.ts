import { describe, expect, it } from 'vitest';
import { decideSpeedUp, type SpeedUpFacts } from './decide-speed-up.ts';

const GWEI = 10n ** 9n;
const bids = (more: Partial<NonNullable<SpeedUpFacts['bids']>> = {}) => ({
  maxFeePerGas: 8n * GWEI,
  consumed: false,
  fillReason: null,
  ...more,
});
const chain = (more: Partial<SpeedUpFacts['chain']> = {}): SpeedUpFacts['chain'] => ({
  fees: { maxFeePerGas: 50n * GWEI, minPriorityFeePerGas: GWEI },
  baseFeePerGas: 10n * GWEI,
  halted: null,
  ...more,
});
const facts = (more: Partial<SpeedUpFacts> = {}): SpeedUpFacts => ({
  status: 'BROADCASTED',
  underWay: true,
  level: 'none',
  blockNumber: null,
  bids: bids(),
  sent: true,
  chain: chain(),
  ...more,
});
const idle = { underWay: false, bids: null, sent: false };

describe('a speed-up', () => {
  it.each<[string, SpeedUpFacts, bigint | null, string | null, RegExp | null]>([
    ['what was accepted', facts({ status: 'RESERVED', ...idle }), null, 'not_sent', /RESERVED/],
    ['what is approved', facts({ status: 'APPROVED', ...idle }), null, 'not_sent', /APPROVED/],
    [
      'what waits for a nonce',
      facts({ status: 'APPROVED', bids: null, sent: false }),
      null,
      'not_sent',
      /sent/,
    ],
    [
      'what was signed and not sent',
      facts({ status: 'SIGNED', sent: false }),
      null,
      'not_sent',
      /SIGNED; nothing was sent/,
    ],
    ['what a node would not take', facts({ status: 'SIGNED' }), null, null, null],
    ['what is in a pool', facts(), null, null, null],
    [
      'what is in a block',
      facts({ status: 'SAFE', level: 'safe', blockNumber: 7n }),
      null,
      'mined',
      /SAFE: block 7/,
    ],
    ['whose nonce is used', facts({ bids: bids({ consumed: true }) }), null, 'mined', /a block/],
    ['what a reorg took out again', facts({ status: 'INCLUDED' }), null, null, null],
    [
      'what is being cancelled',
      facts({ bids: bids({ fillReason: 'cancelled_by_client' }) }),
      null,
      'cancelling',
      /being closed/,
    ],
    ['what was paid', facts({ status: 'COMPLETED', underWay: false }), null, 'ended', /COMPLETED/],
    ['what was cancelled', facts({ status: 'CANCELLED', ...idle }), null, 'ended', /CANCELLED/],
    ['what was refused', facts({ status: 'REJECTED', ...idle }), null, 'ended', /REJECTED/],
    ['what expired', facts({ status: 'EXPIRED', ...idle }), null, 'ended', /EXPIRED/],
    ['what failed', facts({ status: 'FAILED', underWay: false }), null, 'ended', /FAILED/],
    ['what was reversed', facts({ status: 'REVERSED' }), null, null, null],
    ['on a halted chain', facts({ chain: chain({ halted: 'x' }) }), null, 'chain_halted', /signed/],
    [
      'at the cap',
      facts({ bids: bids({ maxFeePerGas: 45n * GWEI }) }),
      null,
      'at_cap',
      /45 gwei.* cap of 50 gwei/,
    ],
    [
      'under a base fee above the cap',
      facts({ chain: chain({ baseFeePerGas: 50n * GWEI }) }),
      null,
      'cap_below_base_fee',
      /51 gwei.* cap of 50 gwei/,
    ],
    ['to the cap', facts(), 50n * GWEI, null, null],
    ['to above the cap', facts(), 50n * GWEI + 1n, 'above_cap', /cap of 50 gwei/],
    ['to less than an eighth more', facts(), 9n * GWEI - 1n, 'too_low', /from 9 gwei on/],
    ['to less than the base fee', facts(), 10n * GWEI, 'below_base_fee', /11 gwei/],
    [
      'where no base fee is known',
      facts({ chain: chain({ baseFeePerGas: null }) }),
      9n * GWEI,
      null,
      null,
    ],
  ])('of %s: %#', (_, judged, wished, reason, detail) => {
    const refusal = decideSpeedUp(judged, wished);
    expect(refusal?.members?.['reason'] ?? null).toBe(reason);
    if (refusal === null) return;
    expect(refusal.code).toBe('not_replaceable');
    expect(refusal.detail).toMatch(detail!);
  });
});
