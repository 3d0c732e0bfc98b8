import { AsyncLocalStorage } from 'node:async_hooks';

/** What the step in front of a request and the facilitator's client behind it tell each other. */
export type Exchange = {
  /** The caller's own name for what it asks, from its Idempotency-Key. */
  readonly idempotencyKey: string | undefined;
  /** The payment that this request was allowed to serve. */
  grant(paymentId: string): void;
  /** The payment was made by another request, whose answer is this one's too where it was kept. */
  recall(paymentId: string): Promise<void>;
  /** Nobody knows what became of the payment: whoever brings it must not be asked for another. */
  doubt(): void;
};

const storage = new AsyncLocalStorage<Exchange>();

/** Of the request that is being answered; none outside one, where only money is single. */
export function currentExchange(): Exchange | undefined {
  return storage.getStore();
}

/** Runs what answers a request. */
export function inExchange<Result>(exchange: Exchange, work: () => Result): Result {
  return storage.run(exchange, work);
}
