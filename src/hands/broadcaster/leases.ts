import type { Db } from '../../base/db/index.ts';
import { type Clock, type Log, messageOf } from '../../base/kernel/index.ts';
import { Loop } from '../../base/queue/index.ts';
import { leaseLanes, releaseLanes } from '../../books/tx/index.ts';

const LEASE_MS = 15_000;
const RENEW_MS = 3_000;

/**
 * The lanes that this process may allocate nonces on. The database judges every allocation by owner,
 * epoch and time, so what is held here is only a hint of what is worth trying.
 */
export class LaneLeases {
  readonly owner: string;
  readonly #db: Db;
  readonly #clock: Clock;
  readonly #loop: Loop;
  #epochs = new Map<number, bigint>();
  #heldUntil = 0;

  constructor(options: { db: Db; owner: string; clock: Clock; log: Log }) {
    this.owner = options.owner;
    this.#db = options.db;
    this.#clock = options.clock;
    this.#loop = new Loop({
      name: 'lane-lease',
      idleMs: RENEW_MS,
      clock: options.clock,
      log: options.log,
      round: async () => {
        await this.renew();
        return false;
      },
    });
  }

  start(): this {
    this.#loop.start();
    return this;
  }

  async renew(): Promise<void> {
    const asked = this.#clock.monotonic();
    this.#epochs = await leaseLanes(this.#db, this.owner, LEASE_MS);
    this.#heldUntil = asked + LEASE_MS;
  }

  /** Lane → epoch; empty when the lease could not be renewed in time. */
  held(): ReadonlyMap<number, bigint> {
    return this.#clock.monotonic() < this.#heldUntil ? this.#epochs : new Map();
  }

  async stop(log: Log): Promise<void> {
    await this.#loop.stop();
    await releaseLanes(this.#db, this.owner).catch((error) =>
      log.warn(
        { error: messageOf(error) },
        'lane leases were not given back; they run out by themselves',
      ),
    );
  }
}
