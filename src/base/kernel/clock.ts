/** Time is passed in: steps never read the machine's clock, so that tests can own it. */
export type Clock = {
  /** Wall clock in ms since the epoch, for what people read. */
  now(): number;
  /** Monotonic ms, for measuring and for deadlines: machines are suspended, clocks jump. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** ms since the epoch of an RFC 3339 time, or undefined; Date alone reads 30 February as 2 March. */
export function parseInstant(text: string): number | undefined {
  if (!RFC_3339.test(text)) return undefined;
  const [year, month, day] = text.slice(0, 10).split('-').map(Number) as [number, number, number];
  const at = Date.parse(text);
  if (Number.isNaN(at) || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return undefined;
  return at;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};
