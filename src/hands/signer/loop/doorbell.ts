import type { Clock } from '../../../base/kernel/index.ts';

/** Wakes the one who waits; a ring while nobody waits is kept for the next wait. */
export class Doorbell {
  readonly #clock: Clock;
  #rung = false;
  #waiting: AbortController | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rung = true;
    this.#waiting?.abort();
  }

  async wait(ms: number): Promise<void> {
    if (!this.#rung) {
      this.#waiting = new AbortController();
      await this.#clock.sleep(ms, this.#waiting.signal);
      this.#waiting = null;
    }
    this.#rung = false;
  }
}
