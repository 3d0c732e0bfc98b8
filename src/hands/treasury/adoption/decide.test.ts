import { describe, expect, it } from 'vitest';
import { type AdoptionFacts, decideAdoption } from './decide.ts';

const facts = (more: Partial<AdoptionFacts> = {}): AdoptionFacts => ({
  pausedReason: 'foreign_nonce',
  nextNonce: 7n,
  accounted: 7n,
  counts: { finalized: 7n, latest: 7n, pending: 7n },
  use: { inFlight: 0, gaps: [], unsettled: 0, arriving: 0, foreign: [] },
  moves: 0,
  balances: [{ asset: 'coin', held: 10n, booked: 10n, gasInTransit: 0n }],
  ...more,
});
const use = (more: Partial<AdoptionFacts['use']>) => ({ use: { ...facts().use, ...more } });
const counts = (finalized: bigint, latest: bigint, pending: bigint) => ({
  counts: { finalized, latest, pending },
  accounted: finalized,
});
const foreign = (paysIntent: boolean, paid: boolean | null = null) =>
  use({ foreign: [{ nonce: 6n, txHash: '0xab', blockNumber: 1, paysIntent, paid, did: {} }] });

describe('a closed lane', () => {
  it.each<[string, Partial<AdoptionFacts>, string]>([
    ['in agreement', {}, 'open 7 []'],
    ['with a foreign use that paid nothing of ours', foreign(false), 'open 7 []'],
    ['with a foreign use that was taken for a payment', foreign(true, true), 'open 7 []'],
    ['with a foreign use that was not', foreign(true, false), 'open 7 []'],
    ['that others took it further', { ...counts(9n, 9n, 9n), nextNonce: 7n }, 'open 9 []'],
    [
      'with less and more than the books',
      {
        balances: [
          { asset: 'coin', held: 4n, booked: 10n, gasInTransit: 0n },
          { asset: 'token', held: 12n, booked: 10n, gasInTransit: 0n },
        ],
      },
      'open 7 [coin -6, token 2]',
    ],
    ['that gives slots', { pausedReason: null }, 'unclear: the lane is in use'],
    ['with transactions in the pool', counts(7n, 7n, 9n), 'unclear: 2 .* pool'],
    ['with transactions that are not final', counts(7n, 8n, 8n), 'unclear: 1 .* not final'],
    ['with a use that is not found', { accounted: 6n }, 'unclear: .* below 6 are known'],
    ['with a use that seems to have paid', foreign(true), 'unclear: .* seems to have paid'],
    ['with a top-up under way', { moves: 1 }, 'unclear: 1 top-ups or sweeps'],
    ['with slots in flight', use({ inFlight: 3 }), 'unclear: 3 slots are in flight'],
    ['with a tx that did not end', use({ unsettled: 2 }), 'unclear: 2 .* not come to their end'],
    ['with an arrival that is not booked', use({ arriving: 1 }), 'unclear: 1 arrivals'],
    [
      'with gas that is not booked',
      { balances: [{ asset: 'coin', held: 1n, booked: 0n, gasInTransit: 5n }] },
      'unclear: gas',
    ],
    ['with a gap below slots', use({ inFlight: 2, gaps: [7n] }), 'fill 7'],
  ])('%s', (_, more, expected) => {
    expect(told(facts(more), false)).toMatch(
      new RegExp(`^${expected.replaceAll(/[[\]]/g, '\\$&')}`),
    );
  });

  it('may be opened by force in spite of the pool, and of nothing else', () => {
    expect(told(facts(counts(7n, 7n, 9n)), true)).toBe('open 7 []');
    expect(told(facts({ ...counts(7n, 8n, 9n) }), true)).toMatch(/^unclear: 1 .* not final/);
    expect(told(facts(foreign(true)), true)).toMatch(/^unclear/);
    expect(told(facts(use({ unsettled: 1 })), true)).toMatch(/^unclear/);
  });
});

function told(of: AdoptionFacts, forced: boolean): string {
  const plan = decideAdoption(of, forced);
  if (plan.kind === 'unclear')
    return `unclear: ${plan.obstacles.map(({ what }) => what).join('; ')}`;
  if (plan.kind === 'fill') return `fill ${plan.gaps.join(' ')}`;
  const booked = plan.differences.map(({ asset, amount }) => `${asset} ${amount}`);
  return `open ${plan.nextNonce} [${booked.join(', ')}]`;
}
