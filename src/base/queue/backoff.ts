/** One time scale per topic: base and cap in ms; after `limit` tries the job goes to its dead letters. */
export type Backoff = { baseMs: number; capMs: number; limit: number };

/** Full jitter: uniform in [0, min(cap, base·2^(attempts-1))]. `random` is uniform in [0, 1). */
export function backoffMs(scale: Backoff, attempts: number, random: () => number): number {
  return random() * Math.min(scale.capMs, scale.baseMs * 2 ** Math.min(attempts - 1, 30));
}
