import { Transient } from '../../base/kernel/index.ts';

type GroupOptions<In, Out> = {
  /** The most in one round. */
  size: number;
  /** The most at one time. */
  rounds: number;
  /** How many must wait for another round beside the first; fewer come with the next. */
  beside: number;
  work(items: In[]): Promise<Out[]>;
};

type Waiting<In, Out> = { item: In; resolve(out: Out): void; reject(error: unknown): void };

const MOST_WAITING = 10_000;

/**
 * Group commit: what arrives while a round is under way forms the next one, so that a hundred payments cost one
 * transaction or one request to a node. Beside rounds that are under way another one begins when `beside` wait. No timer,
 * and nothing is waited for when idle.
 */
export class Group<In, Out> {
  readonly #options: GroupOptions<In, Out>;
  #waiting: Waiting<In, Out>[] = [];
  #running = 0;
  readonly #idle = new Set<() => void>();

  /** `work` answers in the order asked; what it throws is every item's. */
  constructor(options: GroupOptions<In, Out>) {
    this.#options = options;
  }

  enter(item: In): Promise<Out> {
    if (this.#waiting.length >= MOST_WAITING) {
      return Promise.reject(new Transient(`${MOST_WAITING} requests are waiting already`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      // After all that has arrived in this turn of the event loop.
      if (this.#waiting.length === 1) setImmediate(() => this.#more());
    });
  }

  /** Resolves when everything that entered is answered. */
  async drain(): Promise<void> {
    while (this.#running + this.#waiting.length > 0) {
      await new Promise<void>((done) => this.#idle.add(done));
    }
  }

  #more(): void {
    const { size, rounds, beside } = this.#options;
    const least = () => (this.#running === 0 ? 1 : beside);
    while (this.#running < rounds && this.#waiting.length >= least()) {
      this.#running += 1;
      void this.#round(this.#waiting.splice(0, size));
    }
  }

  async #round(group: readonly Waiting<In, Out>[]): Promise<void> {
    try {
      const answers = await this.#options.work(group.map(({ item }) => item));
      group.forEach(({ resolve }, index) => {
        resolve(answers[index]!);
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    this.#running -= 1;
    this.#more();
    for (const done of this.#idle) done();
    this.#idle.clear();
  }
}
