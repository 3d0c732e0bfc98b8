import type { Sql } from '../../base/db/index.ts';
import type { Clock, Log } from '../../base/kernel/index.ts';

const LOOK_EVERY_MS = 60_000;
/** Far above what servers differ by that are kept in time, far below how long approvers have. */
const APART_MS = 300_000;

/**
 * Whether this signer knows what time it is: its clock against the clocks of both databases. While one of them is
 * minutes away from it, no expiry is judged: what has one waits.
 */
export class OwnTime {
  readonly #databases: readonly { name: string; sql: Sql }[];
  readonly #clock: Clock;
  readonly #tell: (message: string) => void;
  #lookAt = 0;
  #fault: string | null = null;

  constructor(options: {
    main: Sql;
    journal: Sql;
    clock: Clock;
    log: Log;
    tell(message: string): void;
  }) {
    this.#databases = [
      { name: 'the main database', sql: options.main },
      { name: "the journal's database", sql: options.journal },
    ];
    this.#clock = options.clock;
    this.#tell = (message) => {
      options.log.error({}, message);
      options.tell(message);
    };
  }

  /** The time, or why it is not known. Asks the databases once a minute, and every time while they disagree. */
  async now(): Promise<{ ms: number } | { fault: string }> {
    if (this.#fault !== null || this.#clock.monotonic() >= this.#lookAt) await this.#look();
    return this.#fault === null ? { ms: this.#clock.now() } : { fault: this.#fault };
  }

  async #look(): Promise<void> {
    const faults: string[] = [];
    for (const { name, sql } of this.#databases) {
      const before = this.#clock.now();
      const { rows } = await sql.query<{ ms: number }>({
        name: 'signer_clock',
        text: 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
      });
      const apart = Math.round(((before + this.#clock.now()) / 2 - rows[0]!.ms) / 1000);
      if (Math.abs(apart) * 1000 > APART_MS)
        faults.push(`${Math.abs(apart)} s ${apart > 0 ? 'ahead of' : 'behind'} ${name}`);
    }
    const fault =
      faults.length === 0
        ? null
        : `the signer's clock is ${faults.join(' and ')}: no expiry is judged until they agree`;
    if (fault !== null && this.#fault === null) this.#tell(fault);
    this.#fault = fault;
    this.#lookAt = this.#clock.monotonic() + LOOK_EVERY_MS;
  }
}
