import { expect, it } from 'vitest';
import type { BlockHeader } from '../../base/chain/index.ts';
import { Rhythm } from './rhythm.ts';

const POLL_MS = 250;

/** A chain whose block n comes at `comes(n)`; looks from 0 to the end, and when each block was seen. */
function follow(
  { timestamp, comes }: { timestamp(n: number): number; comes(n: number): number },
  endMs: number,
): { looks: number[]; seen: Map<number, number> } {
  const rhythm = new Rhythm(POLL_MS);
  const looks: number[] = [];
  const seen = new Map<number, number>();
  let number = 0;
  for (let now = 0; now < endMs; now += rhythm.restMs(now)) {
    while (comes(number + 1) <= now) number += 1;
    const header = { hash: `0x${number}`, number, timestamp: timestamp(number) };
    rhythm.looked(now, header as BlockHeader);
    looks.push(now);
    if (!seen.has(number)) seen.set(number, now);
  }
  return { looks, seen };
}

it('a block of a steady chain is seen soon after it came, by few more looks', () => {
  const comes = (n: number) => 2_000 * n + 130;
  const { looks, seen } = follow({ timestamp: (n) => 2 * n, comes }, 41_000);
  for (let n = 3; n <= 20; n += 1) {
    expect(seen.get(n)! - comes(n)).toBeGreaterThanOrEqual(0);
    expect(seen.get(n)! - comes(n)).toBeLessThanOrEqual(POLL_MS / 5);
  }
  expect(looks.length).toBeLessThan(1.4 * (41_000 / POLL_MS));
});

it('after a block that came early or late the next ones are found again', () => {
  const comes = (n: number) => 2_000 * n + (n === 8 ? -180 : n === 12 ? 900 : 0);
  const { seen } = follow({ timestamp: (n) => 2 * n, comes }, 41_000);
  for (let n = 3; n <= 20; n += 1) {
    expect(seen.get(n)! - comes(n)).toBeLessThanOrEqual(POLL_MS);
  }
  for (const n of [7, 11, 16, 20]) {
    expect(seen.get(n)! - comes(n)).toBeLessThanOrEqual(POLL_MS / 5);
  }
});

it('never rests longer than usual, whatever the blocks’ times say', () => {
  const comes = (n: number) => 700 * n;
  for (const seconds of [0, 1, 12, 3_600, -5]) {
    const { looks } = follow({ timestamp: (n) => seconds * n, comes }, 20_000);
    const rests = looks.slice(1).map((at, index) => at - looks[index]!);
    expect(Math.max(...rests)).toBeLessThanOrEqual(POLL_MS);
    expect(Math.min(...rests)).toBeGreaterThan(0);
  }
});

it('looks as often as ever where blocks come as often as looks', () => {
  const { looks } = follow({ timestamp: (n) => Math.floor(n / 4), comes: (n) => 250 * n }, 10_000);
  expect(looks).toHaveLength(10_000 / POLL_MS);
});
