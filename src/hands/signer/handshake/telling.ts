import type { Log } from '../../../base/kernel/index.ts';
import type { Freeze } from './judge.ts';

/** Tells what stops the signer once when it begins, once when it changes, and once when it has passed. */
export class Telling {
  readonly #log: Log;
  readonly #say: (line: string) => void;
  #freeze: string | null = null;
  #waits = false;

  /** `say`: one line for a person at a terminal. */
  constructor(log: Log, say: (line: string) => void) {
    this.#log = log;
    this.#say = say;
  }

  frozen(freeze: Freeze | null): void {
    const told = freeze === null ? null : `${freeze.code}: ${freeze.detail}`;
    if (told === this.#freeze) return;
    this.#freeze = told;
    if (freeze === null) {
      const line = 'signing goes on: journal, main database and witness agree again';
      this.#log.info({}, line);
      this.#say(line);
      return;
    }
    const { code, detail, remedy } = freeze;
    this.#log.error(
      { code: 'signing_frozen', reason: code, remedy },
      `signing is frozen: ${detail}`,
    );
    this.#say(`signing is frozen (${code}): ${detail}. What to do: ${remedy}`);
  }

  /** Something that passes when a person makes room or gives a right; nothing disagrees. */
  waits(why: string): void {
    if (this.#waits) return;
    this.#waits = true;
    this.#log.error({ error: why }, 'signing waits, and goes on by itself when this has passed');
    this.#say(`signing waits: ${why}`);
  }

  goesOn(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#log.info({}, 'signing goes on');
    this.#say('signing goes on');
  }
}
