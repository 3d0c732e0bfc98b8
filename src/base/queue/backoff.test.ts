import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffMs } from './index.ts';

const scale = fc.record({
  baseMs: fc.integer({ min: 1, max: 60_000 }),
  capMs: fc.integer({ min: 1, max: 3_600_000 }),
  limit: fc.constant(10),
});
const tries = fc.integer({ min: 1, max: 5_000 });
const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

it('is anywhere from zero to the doubled base, never beyond the cap', () => {
  fc.assert(
    fc.property(scale, tries, unit, (of, attempts, random) => {
      const ceiling = Math.min(of.capMs, of.baseMs * 2 ** Math.min(attempts - 1, 60));
      const delay = backoffMs(of, attempts, () => random);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThanOrEqual(ceiling);
    }),
  );
});

it('uses the whole width: full jitter', () => {
  const of = { baseMs: 1_000, capMs: 60_000, limit: 10 };
  expect([1, 2, 3, 6, 7, 50].map((n) => backoffMs(of, n, () => 0))).toEqual([0, 0, 0, 0, 0, 0]);
  expect([1, 2, 3, 6, 7, 50].map((n) => backoffMs(of, n, () => 1))).toEqual([
    1_000, 2_000, 4_000, 32_000, 60_000, 60_000,
  ]);
});

it('never falls from one try to the next, for the same luck', () => {
  fc.assert(
    fc.property(scale, tries, unit, (of, attempts, random) => {
      const at = (n: number) => backoffMs(of, n, () => random);
      expect(at(attempts + 1)).toBeGreaterThanOrEqual(at(attempts));
    }),
  );
});
