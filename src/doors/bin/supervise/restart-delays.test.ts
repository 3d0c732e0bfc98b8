import { expect, test } from 'vitest';
import { RestartDelays, tellDelay } from './restart-delays.ts';

test('what dies again and again is started at once, then after 1, 2, 4 … 30 s, for ever', () => {
  const delays = new RestartDelays();
  const waited = Array.from({ length: 9 }, () => delays.next(0) / 1_000);
  expect(waited).toEqual([0, 1, 2, 4, 8, 16, 30, 30, 30]);
});

test('a minute of health forgets earlier ends', () => {
  const delays = new RestartDelays();
  for (let round = 0; round < 5; round += 1) delays.next(59_999);
  expect(delays.next(60_000)).toBe(0);
  expect(delays.next(0)).toBe(1_000);
});

test('the delay is told', () => {
  expect([tellDelay(0), tellDelay(4_000)]).toEqual([
    'restarting it at once',
    'restarting it in 4 s',
  ]);
});
