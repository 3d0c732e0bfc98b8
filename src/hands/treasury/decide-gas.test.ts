import { describe, expect, it } from 'vitest';
import { cutAt, judgeByBalance, judgeByReceipts, type Look } from './decide-gas.ts';

/** Two slots that can have cost 40 to 100, and sent 300 of the 1,000 that the lane held. */
const stretch = {
  ...{ fromNonce: 5n, toNonce: 7n, opening: 1_000n, sent: 300n, received: 0n },
  ...{ gasLeast: 40n, gasMost: 100n },
};
const filled = { ...stretch, received: 500n };
const idle = { ...stretch, toNonce: 5n, sent: 0n, gasLeast: 0n, gasMost: 0n };
const look = (balance: bigint, nonces = 7n): Look => ({ balance, nonces });
const text = (verdict: ReturnType<typeof judgeByBalance>) =>
  verdict.kind === 'book'
    ? `${verdict.gasCost} by ${verdict.gasBy}, arrived ${verdict.arrived}`
    : verdict.kind;

describe('a stretch by its balance', () => {
  it.each<[string, typeof stretch, Look | null, string]>([
    ['the least', stretch, look(660n), '40 by balance, arrived 0'],
    ['the most', stretch, look(600n), '100 by balance, arrived 0'],
    ['less than gas can have cost', stretch, look(661n), 'receipts'],
    ['more than gas can have cost', stretch, look(599n), 'receipts'],
    ['more than it began with', stretch, look(2_000n), 'receipts'],
    ['no state of that block', stretch, null, 'receipts'],
    ['more nonces than are ours', stretch, look(650n, 8n), 'receipts'],
    ['a node that has not mined them', stretch, look(700n, 6n), 'wait'],
    ['a top-up that came beside them', filled, look(1_140n), '60 by balance, arrived 0'],
    ['more than a top-up and gas explain', filled, look(1_200n), 'receipts'],
    ['a top-up alone', { ...idle, received: 500n }, look(1_500n, 5n), '0 by receipts, arrived 0'],
    ['nothing happened', idle, look(1_000n, 5n), '0 by receipts, arrived 0'],
    ['coin came', idle, look(1_007n, 5n), '0 by receipts, arrived 7'],
    ['coin went', idle, look(993n, 5n), '0 by receipts, arrived -7'],
    ['coin went with a nonce', idle, look(900n, 6n), '0 by receipts, arrived 0'],
    ['idle, and no state of that block', idle, null, '0 by receipts, arrived 0'],
    ['idle, of another branch', idle, look(1_000n, 4n), 'wait'],
  ])('%s', (_, facts, seen, expected) => {
    expect(text(judgeByBalance(facts, seen))).toBe(expected);
  });
});

describe('a stretch by its receipts', () => {
  it.each<[string, Look | null, bigint]>([
    ['explains all', look(630n), 0n],
    ['leaves an arrival', look(5_630n), 5_000n],
    ['leaves a loss', look(600n), -30n],
    ['has no balance to be held against', null, 0n],
    ['has the balance after a stranger’s nonce', look(1n, 8n), 0n],
  ])('%s', (_, seen, arrived) => {
    const booking = { gasCost: 70n, gasBy: 'receipts', arrived };
    expect(judgeByReceipts(stretch, seen, 70n)).toEqual(booking);
  });
});

describe('a stretch of many transactions', () => {
  it.each<[string, number[], number | null]>([
    ['none', [], null],
    ['as many as may be asked about', [1, 1, 2], null],
    ['one more, in a block of its own', [1, 1, 2, 3], 2],
    ['one more, in the block of the last', [1, 2, 4, 4], 3],
    ['all in one block', [7, 7, 7, 7], 7],
    ['the first alone below', [1, 9, 9, 9], 8],
  ])('%s', (_, heights, end) => {
    expect(cutAt(heights, 3)).toBe(end);
  });
});
