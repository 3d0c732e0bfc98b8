import { describe, expect, it } from 'vitest';
import { type Clock, ConfigurationError, Transient } from '../kernel/index.ts';
import { AWS_LIMITS, AwsCalls } from './calls.ts';
import { awsFailure } from './failure.ts';

function failure(name: string, httpStatusCode?: number): Error {
  return Object.assign(new Error('told'), {
    name,
    ...(httpStatusCode === undefined ? {} : { $metadata: { httpStatusCode } }),
  });
}

/** Time passes only while somebody sleeps. */
class SleptClock implements Clock {
  sleptMs = 0;
  now = () => this.sleptMs;
  monotonic = () => this.sleptMs;
  async sleep(ms: number): Promise<void> {
    this.sleptMs += ms;
  }
}

/** Those who sleep wake in the order of their times, once nothing else is left to do. */
class QueuedClock implements Clock {
  ms = 0;
  readonly #asleep: { at: number; wake: () => void }[] = [];
  now = () => this.ms;
  monotonic = () => this.ms;
  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#asleep.push({ at: this.ms + ms, wake }));
  }
  async pass(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#asleep.sort((a, b) => a.at - b.at).shift();
      if (next === undefined) return;
      this.ms = next.at;
      next.wake();
    }
  }
}

describe('awsFailure', () => {
  it.each([
    ['ThrottlingException', 400, 'throttled'],
    ['TooManyRequestsException', 400, 'throttled'],
    ['LimitExceededException', 400, 'throttled'],
    ['Unknown', 429, 'throttled'],
    ['KMSInternalException', 500, 'passing'],
    ['DependencyTimeoutException', 400, 'passing'],
    ['KeyUnavailableException', 400, 'passing'],
    ['InternalServiceError', 400, 'passing'],
    ['ExpiredTokenException', 400, 'passing'],
    ['ServiceUnavailable', 503, 'passing'],
    ['SlowDown', 503, 'throttled'],
    ['ConditionalRequestConflict', 409, 'passing'],
    // No answer at all: cut off, timed out, no name found.
    ['AbortError', undefined, 'passing'],
    ['TimeoutError', undefined, 'passing'],
    ['Error', undefined, 'passing'],
    // A good status with a body that can not be read.
    ['SyntaxError', 200, 'passing'],
    ['AccessDeniedException', 400, 'refused'],
    ['NotFoundException', 400, 'refused'],
    ['DisabledException', 400, 'refused'],
    ['InvalidKeyUsageException', 400, 'refused'],
    ['UnrecognizedClientException', 400, 'refused'],
    ['CredentialsProviderError', undefined, 'refused'],
  ])('takes %s with status %s for %s', (name, status, kind) => {
    expect(awsFailure(failure(name, status))).toEqual({ kind, told: `${name}: told` });
  });
});

describe('AwsCalls', () => {
  const open = (requestsPerSecond = 50) => {
    const clock = new SleptClock();
    const calls = new AwsCalls({ name: 'key k', requestsPerSecond, clock, limits: AWS_LIMITS });
    return { clock, calls };
  };

  it('asks so often a second and no more, after a burst of a fifth of a second', async () => {
    const { clock, calls } = open(50);
    for (let n = 0; n < 100; n += 1) await calls.call('Sign', async () => n);
    // The first ten go at once.
    expect(clock.sleptMs).toBeCloseTo(1_800, 6);
  });

  it('has at most 32 requests under way', async () => {
    const { calls } = open(10_000);
    let busy = 0;
    let busiest = 0;
    const attempt = async () => {
      busy += 1;
      busiest = Math.max(busiest, busy);
      await new Promise((resolve) => setImmediate(resolve));
      busy -= 1;
    };
    await Promise.all(Array.from({ length: 200 }, () => calls.call('Sign', attempt)));
    expect([busy, busiest]).toEqual([0, 32]);
  });

  it('tries again what was throttled or may pass, and spends what it had saved up', async () => {
    const { calls, clock } = open(1);
    const failures = [failure('ThrottlingException', 400), failure('TimeoutError')];
    const answer = await calls.call('Sign', async () => {
      const next = failures.pop();
      if (next !== undefined) throw next;
      return 'signed';
    });
    expect(answer).toBe('signed');
    expect(clock.sleptMs).toBeGreaterThanOrEqual(1_000);
  });

  it('gives up in time, with what it met last', async () => {
    const { calls, clock } = open();
    const call = calls.call('Sign', () => Promise.reject(failure('ThrottlingException', 400)));
    await expect(call).rejects.toThrow(Transient);
    await expect(call).rejects.toThrow(
      'key k: Sign had no answer in 20000 ms; Sign failed: ThrottlingException: told',
    );
    expect(clock.sleptMs).toBeLessThanOrEqual(AWS_LIMITS.withinMs);
  });

  it('gives no turn to those whose time is over', async () => {
    const clock = new QueuedClock();
    const limits = { ...AWS_LIMITS, withinMs: 1_000 };
    const calls = new AwsCalls({ name: 'key k', requestsPerSecond: 10, clock, limits });
    const sign = () => calls.call('Sign', async () => clock.ms).catch(() => 'late');
    const burst = Promise.all(Array.from({ length: 300 }, sign));
    await clock.pass();
    const ends = await burst;
    expect(ends.filter((end) => end !== 'late').length).toBeGreaterThanOrEqual(10);
    expect(clock.ms).toBeLessThan(2_000);
    const next = sign();
    await clock.pass();
    expect(await next).not.toBe('late');
  });

  it('does not ask again once it is closed', async () => {
    const { calls } = open();
    let asked = 0;
    const call = calls.call('Sign', () => {
      asked += 1;
      calls.close();
      return Promise.reject(failure('ECONNRESET'));
    });
    await expect(call).rejects.toThrow(Transient);
    await expect(call).rejects.toThrow('key k: Sign was given up; Sign failed: ECONNRESET: told');
    expect(asked).toBe(1);
    await expect(calls.call('Sign', () => Promise.resolve(1))).rejects.toThrow(Transient);
  });

  it('does not ask for what waited for its turn when it was closed', async () => {
    const clock = new QueuedClock();
    const calls = new AwsCalls({ name: 'key k', requestsPerSecond: 1, clock, limits: AWS_LIMITS });
    let asked = 0;
    const sign = () => calls.call('Sign', async () => ++asked).catch((error: Error) => error);
    const all = Promise.all([sign(), sign()]);
    calls.close();
    await clock.pass();
    expect(asked).toBe(0);
    expect((await all)[1]).toMatchObject({ message: expect.stringContaining('was given up') });
  });

  it('does not ask again what was refused', async () => {
    const { calls } = open();
    let asked = 0;
    const call = calls.call('Sign', () => {
      asked += 1;
      return Promise.reject(failure('AccessDeniedException', 400));
    });
    await expect(call).rejects.toThrow(ConfigurationError);
    await expect(call).rejects.toThrow('key k: Sign failed: AccessDeniedException: told');
    expect(asked).toBe(1);
  });
});
