import { expect, it } from 'vitest';
import { toHex } from '../../base/kernel/index.ts';
import { Seen } from './seen.ts';

const idOf = (n: number) => toHex(Buffer.from(n.toString(16).padStart(64, '0'), 'hex'));

it('an authorization is new once, as long as fewer than 25,000 others come after it', () => {
  const seen = new Seen();
  expect(seen.add(idOf(0))).toBe(true);
  expect(seen.add(idOf(0))).toBe(false);
  for (let n = 1; n < 25_000; n += 1) seen.add(idOf(n));
  expect(seen.add(idOf(0))).toBe(false);
});

it('one that came long ago is forgotten, and what is held is bounded', () => {
  const seen = new Seen();
  let isNew = true;
  for (let n = 0; n <= 50_000; n += 1) isNew &&= seen.add(idOf(n));
  expect(isNew).toBe(true);
  expect(seen.add(idOf(0))).toBe(true);
  expect(seen.add(idOf(50_000))).toBe(false);
});
