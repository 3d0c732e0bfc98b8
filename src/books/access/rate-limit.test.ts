import { expect, it } from 'vitest';
import { type Clock, systemClock } from '../../base/kernel/index.ts';
import { RateLimiter } from './index.ts';

type Rate = { requestsPerSecond: number; burst: number };

/** Time that only moves when told. */
class HandClock implements Clock {
  at = 1_000;
  now = () => this.at;
  monotonic = () => this.at;
  sleep = systemClock.sleep;
}

function start(limits: { key?: Rate; tenant?: Rate }) {
  const clock = new HandClock();
  const limiter = new RateLimiter({
    ...{ clock, key: limits.key ?? null, tenant: limits.tenant ?? null },
  });
  return { clock, limiter };
}
const caller = (keyId: string, rateLimit: Rate | null = null) => ({
  ...{ keyId, tenantId: 'tenant', rateLimit },
});

it('lets a burst in at once, then as many a second as it says', () => {
  const { clock, limiter } = start({ key: { requestsPerSecond: 10, burst: 3 } });
  const left = [1, 2, 3].map(() => limiter.take(caller('a'))!);
  expect(left.map(({ waitMs }) => waitMs)).toEqual([0, 0, 0]);
  expect(left.map(({ buckets }) => buckets[0]!.remaining)).toEqual([2, 1, 0]);
  expect(left[2]!.buckets[0]!.resetMs).toBeCloseTo(300);
  expect(limiter.take(caller('a'))!.waitMs).toBeCloseTo(100);
  expect(limiter.take(caller('b'))!.waitMs).toBe(0);
  clock.at += 99;
  expect(limiter.take(caller('a'))!.waitMs).toBeCloseTo(1);
  let admitted = 0;
  for (let ms = 0; ms < 10_000; ms += 5) {
    clock.at += 5;
    if (limiter.take(caller('a'))!.waitMs === 0) admitted += 1;
  }
  expect(admitted).toBe(100);
});

it('holds the keys of a tenant together, and a request that is refused takes no token', () => {
  const { limiter } = start({
    key: { requestsPerSecond: 1, burst: 2 },
    tenant: { requestsPerSecond: 1, burst: 3 },
  });
  expect(limiter.take(caller('a'))!.waitMs).toBe(0);
  expect(limiter.take(caller('a'))!.waitMs).toBe(0);
  for (let n = 0; n < 5; n += 1) expect(limiter.take(caller('a'))!.waitMs).toBeCloseTo(1000);
  const last = limiter.take(caller('b'))!;
  expect(last.waitMs).toBe(0);
  expect(last.buckets.map(({ of, remaining }) => [of, remaining])).toEqual([
    ['key', 1],
    ['tenant', 0],
  ]);
  expect(limiter.take(caller('c'))!.waitMs).toBeCloseTo(1000);
});

it("takes a key's own limit instead of that of all keys", () => {
  const { limiter } = start({ key: { requestsPerSecond: 1, burst: 1 } });
  const own = caller('a', { requestsPerSecond: 100, burst: 100 });
  expect(limiter.take(own)!.buckets[0]!.remaining).toBe(99);
  expect(start({}).limiter.take(own)!.buckets).toHaveLength(1);
});

it('lets those after a heavy request wait for what it weighed', () => {
  const { clock, limiter } = start({ key: { requestsPerSecond: 10, burst: 10 } });
  expect(limiter.take(caller('a'))!.waitMs).toBe(0);
  limiter.charge(caller('a'), 999);
  expect(limiter.take(caller('a'))!.waitMs).toBeCloseTo(99_100);
  clock.at += 99_100;
  expect(limiter.take(caller('a'))!.waitMs).toBeCloseTo(0);
});

it('says nothing where nothing limits, and forgets buckets that are full again', () => {
  const { clock, limiter } = start({});
  expect(limiter.take(caller('a'))).toBeNull();
  limiter.charge(caller('a'), 5);
  expect(limiter.take(caller('a'))).toBeNull();
  const many = start({ key: { requestsPerSecond: 1, burst: 1 } });
  for (let n = 0; n < 20_000; n += 1) {
    expect(many.limiter.take(caller(`key ${n}`))!.waitMs).toBe(0);
    many.clock.at += 1;
  }
  expect(many.limiter.take(caller('key 19999'))!.waitMs).toBeGreaterThan(0);
  expect(clock.at).toBe(1_000);
});

it('tells whole seconds whatever fractions the clock has', () => {
  const { clock, limiter } = start({ key: { requestsPerSecond: 1, burst: 2 } });
  clock.at = 123_456.789_012_345;
  expect(limiter.take({ keyId: 'k', tenantId: 't', rateLimit: null })?.buckets[0]).toMatchObject({
    remaining: 1,
    resetMs: 1_000,
  });
});
