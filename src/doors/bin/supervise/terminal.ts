import { type Clock, systemClock } from '../../../base/kernel/index.ts';

type TerminalOutput = { write(text: string): unknown; isTTY?: boolean };

const QUIET_MS = 2_000;
/** Between progress lines where lines can not be overwritten. */
const EVERY_MS = 10_000;

/** What a person reads while it starts and runs: one line per fact, signs of life in between. */
export class Terminal {
  readonly #out: TerminalOutput;
  readonly #clock: Clock;
  /** A line without its end stands on the terminal. */
  #open = false;

  constructor(out: TerminalOutput, clock: Clock = systemClock) {
    this.#out = out;
    this.#clock = clock;
  }

  say(line: string): void {
    this.#out.write(`${this.#open ? '\r\x1b[K' : ''}${line}\n`);
    this.#open = false;
  }

  /** Runs a step; says so while it takes more than two seconds, and what came of it at its end. */
  async step<T>(
    title: string,
    work: () => Promise<T>,
    told: (value: T) => string | null = () => title,
  ): Promise<T> {
    const begun = this.#clock.monotonic();
    const seconds = () => (this.#clock.monotonic() - begun) / 1_000;
    const interactive = this.#out.isTTY === true;
    let last = begun;
    const timer = setInterval(() => {
      const now = this.#clock.monotonic();
      if (now - begun < QUIET_MS) return;
      if (!interactive && last !== begun && now - last < EVERY_MS) return;
      last = now;
      const text = `  … ${title}, ${Math.round(seconds())} s`;
      if (!interactive) return this.say(text);
      this.#out.write(`\r\x1b[K${text}`);
      this.#open = true;
    }, 500);
    try {
      const value = await work();
      const line = told(value);
      if (line !== null) this.say(`  ✓ ${line}  ${seconds().toFixed(1)} s`);
      return value;
    } finally {
      clearInterval(timer);
      if (this.#open) this.#out.write('\r\x1b[K');
      this.#open = false;
    }
  }
}
