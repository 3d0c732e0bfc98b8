import type { Address, Hex } from '../../../src/base/kernel/index.ts';
import type { Transaction } from './types.ts';

/** Transactions that wait for a block: one for each sender and nonce, in order of arrival. */
export class Pool {
  readonly #bySender = new Map<Address, Map<bigint, { tx: Transaction; arrival: number }>>();
  readonly #byHash = new Map<Hex, Transaction>();
  #arrivals = 0;

  get size(): number {
    return this.#byHash.size;
  }

  get(hash: Hex): Transaction | undefined {
    return this.#byHash.get(hash);
  }

  holder(of: Address, nonce: bigint): Transaction | undefined {
    return this.#bySender.get(of)?.get(nonce)?.tx;
  }

  /** In the place of whatever holds the nonce. */
  put(tx: Transaction): void {
    const sender = this.#bySender.get(tx.from) ?? new Map();
    const before = sender.get(tx.nonce);
    if (before !== undefined) this.#byHash.delete(before.tx.hash);
    this.#arrivals += 1;
    sender.set(tx.nonce, { tx, arrival: this.#arrivals });
    this.#bySender.set(tx.from, sender);
    this.#byHash.set(tx.hash, tx);
  }

  remove(hash: Hex): Transaction | undefined {
    const tx = this.#byHash.get(hash);
    if (tx === undefined) return undefined;
    this.#byHash.delete(hash);
    const sender = this.#bySender.get(tx.from)!;
    sender.delete(tx.nonce);
    if (sender.size === 0) this.#bySender.delete(tx.from);
    return tx;
  }

  /** What lies below the senders' nonces can never be mined. */
  prune(nonceOf: (of: Address) => bigint): void {
    for (const [from, sender] of this.#bySender) {
      const mined = nonceOf(from);
      for (const [nonce, { tx }] of sender) if (nonce < mined) this.remove(tx.hash);
    }
  }

  /** The nonce after those that a sender has consumed or has waiting without a gap. */
  next(of: Address, mined: bigint): bigint {
    const sender = this.#bySender.get(of);
    let next = mined;
    while (sender?.has(next)) next += 1n;
    return next;
  }

  /** One at a time, what can be executed next, the earliest arrival first; `skip` passes over a sender. */
  *executable(
    nonceOf: (of: Address) => bigint,
  ): Generator<Transaction, void, 'taken' | 'skip' | undefined> {
    const skipped = new Set<Address>();
    for (;;) {
      let best: { tx: Transaction; arrival: number } | undefined;
      for (const [from, sender] of this.#bySender) {
        if (skipped.has(from)) continue;
        const head = sender.get(nonceOf(from));
        if (head !== undefined && (best === undefined || head.arrival < best.arrival)) best = head;
      }
      if (best === undefined) return;
      if ((yield best.tx) === 'taken') this.remove(best.tx.hash);
      else skipped.add(best.tx.from);
    }
  }
}
