import { createHash } from 'node:crypto';
import { type Exchange, inExchange } from '../exchange.ts';

export type KeptAnswer = {
  status: number;
  headers: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  body: Uint8Array;
};

/** Where answers are kept; of several processes one that they share, like a table. */
export type AnswerStore = {
  get(key: string): Promise<KeptAnswer | undefined>;
  set(key: string, answer: KeptAnswer): Promise<void>;
};

export type ServeOnceOptions = {
  store?: AnswerStore;
  /** A larger answer is not kept. */
  maxBytes?: number;
};

type Asked = {
  method: string;
  /** With its query. */
  url: string;
  payment: string;
  idempotencyKey: string | undefined;
};

type Kept = Promise<KeptAnswer | undefined>;

/** Answers to requests that came with a payment, and the requests that are being answered. */
export class Answers {
  readonly maxBytes: number;
  readonly #store: AnswerStore;
  readonly #running = new Map<string, Kept>();

  constructor({ store = inMemory(), maxBytes = 1_048_576 }: ServeOnceOptions) {
    this.#store = store;
    this.maxBytes = maxBytes;
  }

  /** The answer that was kept for it, as soon as there is one; else its turn to be served. */
  async enter(asked: Asked): Promise<KeptAnswer | Turn> {
    const key = keyOf(asked, 'payment', asked.payment);
    for (;;) {
      const first = this.#running.get(key);
      const kept = first === undefined ? await this.#store.get(key) : await first;
      if (kept !== undefined) return kept;
      // Another may have begun while the store was asked.
      if (!this.#running.has(key)) return new Turn(this, asked, key);
    }
  }

  /** Until then others with this key wait; what was served is kept. */
  hold(key: string, ended: Kept): void {
    const kept = ended.then(async (made) => {
      if (made !== undefined) await this.#store.set(key, made);
      return made;
    });
    const over = kept
      .catch(() => undefined)
      .finally(() => {
        if (this.#running.get(key) === over) this.#running.delete(key);
      });
    this.#running.set(key, over);
  }

  async recall(key: string): Kept {
    return (await this.#running.get(key)) ?? (await this.#store.get(key));
  }
}

/**
 * One request on its way to its answer. Its payment's own answer is found by the payment too, so that a payer who signed
 * anew under one identifier gets what it paid for.
 */
export class Turn implements Exchange {
  readonly idempotencyKey: string | undefined;
  /** Says what was served, or that nothing was. */
  readonly end: (made: KeptAnswer | undefined) => void;
  readonly #answers: Answers;
  readonly #asked: Asked;
  readonly #ended: Kept;
  #recalled: KeptAnswer | undefined;
  #isInDoubt = false;

  constructor(answers: Answers, asked: Asked, key: string) {
    let end: Turn['end'] = () => {};
    this.#ended = new Promise((resolve) => {
      end = resolve;
    });
    this.end = end;
    this.#answers = answers;
    this.#asked = asked;
    this.idempotencyKey = asked.idempotencyKey;
    answers.hold(key, this.#ended);
  }

  /** Runs what answers it, so that the facilitator's client finds it. */
  run<Result>(work: () => Result): Result {
    return inExchange(this, work);
  }

  grant(paymentId: string): void {
    this.#answers.hold(keyOf(this.#asked, 'served', paymentId), this.#ended);
  }

  async recall(paymentId: string): Promise<void> {
    this.#recalled = await this.#answers.recall(keyOf(this.#asked, 'served', paymentId));
  }

  doubt(): void {
    this.#isInDoubt = true;
  }

  /** What goes out in the place of an answer that would have the payer pay again; undefined: nothing does. */
  insteadOf(status: number): KeptAnswer | undefined {
    if (status < 400) return undefined;
    return this.#recalled ?? (this.#isInDoubt ? IN_DOUBT : undefined);
  }
}

const IN_DOUBT: KeptAnswer = {
  status: 503,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'retry-after': '1' },
  body: Buffer.from(
    '{"error":"payment_pending","message":"Send the same request with the same payment again."}',
  ),
};

/** Also of what was in doubt nothing is kept. */
export function isServed({ status }: Pick<KeptAnswer, 'status'>): boolean {
  return status < 400;
}

function keyOf({ method, url }: Asked, kind: 'payment' | 'served', name: string): string {
  return createHash('sha256').update(`${method} ${url}\n${kind} ${name}`).digest('hex');
}

const MOST_KEPT = 10_000;

/** The last answers of this process. */
function inMemory(): AnswerStore {
  const kept = new Map<string, KeptAnswer>();
  return {
    get: async (key) => kept.get(key),
    async set(key, answer) {
      const [oldest] = kept.keys();
      if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest);
      kept.set(key, answer);
    },
  };
}
