import { describe, expect, it } from 'vitest';
import type { Usage } from '../endpoint/rows.ts';
import { type Charge, decideCharge } from './decide-charge.ts';

const PER_UNIT: Usage = {
  ...{ header: 'payonce-charge', unitPrice: 1n, unitSize: 1n, without: 'nothing' },
};
const MOST: Partial<Usage> = { without: 'most' };
/** 150 for a thousand. */
const TOKENS: Partial<Usage> = { unitPrice: 150n, unitSize: 1_000n };

const TABLE: [string, number, string | undefined, Partial<Usage>, bigint, Charge['fault']][] = [
  ['what was used', 200, '4000', {}, 4_000n, null],
  ['nothing, as it says', 200, '0', {}, 0n, null],
  ['nothing, as it says, also where silence costs', 200, '0', MOST, 0n, null],
  ['all of it', 200, '10000', {}, 10_000n, null],
  ['a unit more than was signed', 200, '10001', {}, 10_000n, 'usage_above_most'],
  ['far more than a number', 200, '9'.repeat(78), {}, 10_000n, 'usage_above_most'],
  ['by the thousand', 200, '20000', TOKENS, 3_000n, null],
  ['by the thousand, rounded up', 200, '1', TOKENS, 1n, null],
  ['by the thousand, one more', 200, '20001', TOKENS, 3_001n, null],
  ['by the thousand, none', 200, '0', TOKENS, 0n, null],
  ['by the thousand, too much', 200, '66667', TOKENS, 10_000n, 'usage_above_most'],
  ['without a word', 200, undefined, {}, 0n, 'usage_missing'],
  ['without a word that costs', 302, undefined, MOST, 10_000n, 'usage_missing'],
  ['an error without a word', 404, undefined, MOST, 0n, null],
  ['an error that says what it cost', 404, '7', {}, 7n, null],
  ['an error with garbage', 404, 'x', MOST, 10_000n, 'usage_malformed'],
  ...['', ' 7', '07', '-1', '+1', '1.0', '1e3', '0x1', '7, 7', '٧', '9'.repeat(79)].flatMap(
    (word): (typeof TABLE)[number][] => [
      [`${JSON.stringify(word)}`, 200, word, {}, 0n, 'usage_malformed'],
      [`${JSON.stringify(word)} that costs`, 200, word, MOST, 10_000n, 'usage_malformed'],
    ],
  ),
];

describe('an answer of an API that charges what was used', () => {
  it.each(TABLE)('%s', (_, status, usage, terms, amount, fault) => {
    const price = { price: 10_000n, usage: { ...PER_UNIT, ...terms } };
    expect(decideCharge({ status, usage }, price)).toEqual({ amount, fault });
  });
});
