const HEALTHY_MS = 60_000;
const LONGEST_MS = 30_000;

/** When to start again what has ended: at once, then after 1, 2, 4 … 30 s, for ever. */
export class RestartDelays {
  #failures = 0;

  /** Ms to wait, after an end that came this long after the process was ready. */
  next(healthyMs: number): number {
    if (healthyMs >= HEALTHY_MS) this.#failures = 0;
    const delay =
      this.#failures === 0 ? 0 : Math.min(LONGEST_MS, 1_000 * 2 ** (this.#failures - 1));
    this.#failures += 1;
    return delay;
  }
}

export function tellDelay(delayMs: number): string {
  return delayMs === 0 ? 'restarting it at once' : `restarting it in ${delayMs / 1_000} s`;
}
