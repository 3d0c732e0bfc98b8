import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { type Address, systemClock } from '../../../base/kernel/index.ts';
import type { Screened } from '../../../books/destination/index.ts';
import type { Checked } from '../check/check.ts';
import { PaymentScreens, riskOf } from './screen.ts';

const known = (score: number, category: string | null = null): Screened => {
  return { kind: 'known', at: 1, source: 'list', score, category };
};
const away: Screened = { kind: 'unavailable', reason: 'no answer' };

describe('the risk of a payment', () => {
  it.each<[string, Screened, Screened, [number | null, string | null, string | null]]>([
    ['is the payer’s where that is higher', known(70, 'mixer'), known(10), [70, 'mixer', null]],
    ['is the payee’s where that is', known(10, 'game'), known(60, 'mixer'), [60, 'mixer', null]],
    ['names what either is called', known(70), known(10, 'game'), [70, 'game', null]],
    ['names sanctions first', known(90, 'mixer'), known(50, 'sanctions'), [90, 'sanctions', null]],
    ['is unknown while one of them is', known(5), away, [null, null, 'payTo: no answer']],
    ['is unknown while both are', away, away, [null, null, 'payer: no answer']],
    [
      'names sanctions of one while the other is unknown',
      away,
      known(100, 'sanctions'),
      [null, 'sanctions', 'payer: no answer'],
    ],
    [
      'is unknown before anybody was asked',
      { kind: 'wanted' },
      known(0),
      [null, null, 'payer: nobody was asked yet'],
    ],
  ])('%s', (_, payer, payTo, expected) => {
    const { riskScore, riskCategory, unscreened } = riskOf({ payer, payTo });
    expect([riskScore, riskCategory, unscreened]).toEqual(expected);
  });

  it('is nothing where nobody is asked', () => {
    expect(riskOf(null)).toEqual({ riskScore: null, riskCategory: null, unscreened: null });
  });
});

describe('a wait for screening', () => {
  let at: MainDatabase;
  beforeAll(async () => {
    at = await MainDatabase.start();
  });
  afterAll(() => at?.stop());

  it('ends with its process, and leaves the question', async () => {
    const screening = { maxAgeMs: 60_000 };
    const options = { db: at.app, clock: systemClock, screening, withinMs: 3_600_000 };
    const screens = new PaymentScreens(options);
    const address = (byte: string): Address => `0x${byte.repeat(20)}`;
    const signed = { payer: address('11'), payTo: address('22') };
    const request = { chainId: 1, signed } as Checked['request'];
    const asked = screens.ask({ request } as Checked, null);
    screens.releaseAll();
    await expect(asked).rejects.toThrow('screening has not answered yet');
    expect(await at.rows('SELECT FROM screening')).toHaveLength(2);
  });
});
