import { systemClock } from '../../src/base/kernel/index.ts';
import { inFlight, readStages } from '../support/killer.ts';
import type { LocalInstallation } from '../support/processes.ts';

const ACCOUNT = 'payer';
const AMOUNT = '1';
/** The same in base units. */
export const AMOUNT_ATOMIC = 1_000_000n;
const BATCH = 200;
const ANSWER_WITHIN_MS = 20_000;
const ACCEPTED_WITHIN_MS = 180_000;

type Item = { status: number; withdrawal?: { id: string; status: string } };
type Payment = { key: string; to: string; id: string };

/**
 * A client that never gives up: every request is repeated with its keys until it has its answer, and now
 * and then once more after that. Each payment has a key and a recipient of its own.
 */
export class Traffic {
  readonly #on: LocalInstallation;
  readonly #random: () => number;
  readonly #signal: AbortSignal;
  readonly #tag: string;
  readonly payments: Payment[] = [];
  /** Requests that were sent again, for want of an answer or for no reason. */
  repeats = 0;
  #next = 0;

  constructor(
    on: LocalInstallation,
    options: { seed: number; random: () => number; signal: AbortSignal },
  ) {
    this.#on = on;
    this.#random = options.random;
    this.#signal = options.signal;
    this.#tag = (options.seed >>> 0).toString(16).padStart(8, '0');
  }

  /** Gives the payer what all payments need. */
  async fund(amount: number): Promise<void> {
    await this.#ask('POST', '/v1/deposits', 201, {
      body: { account: ACCOUNT, asset: 'USDC', amount: String(amount), reference: this.#tag },
      headers: { 'idempotency-key': `fund-${this.#tag}` },
    });
  }

  /** So many payments more, accepted when it resolves. */
  async submit(count: number, batch = BATCH): Promise<void> {
    const last = this.#next + count;
    while (this.#next < last) {
      const from = this.#next;
      this.#next = Math.min(last, from + batch);
      const keys = Array.from({ length: this.#next - from }, (_, index) => from + index);
      const answers = await this.#order(keys);
      if (this.#random() < 0.1) {
        this.repeats += 1;
        const again = await this.#order(keys);
        const same = again.every(
          (item, index) => item.withdrawal?.id === answers[index]!.withdrawal?.id,
        );
        if (!same) throw new Error('a repeated key was answered with another withdrawal');
      }
      for (const [index, item] of answers.entries()) {
        const number = keys[index]!;
        this.payments.push({
          key: this.#key(number),
          to: this.#recipient(number),
          id: item.withdrawal!.id,
        });
      }
    }
  }

  /** Keeps so many in flight until the signal aborts. */
  async keep(wanted: number, until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      const stages = await readStages(this.#on.db).catch(() => null);
      const missing = stages === null ? 0 : wanted - inFlight(stages);
      if (missing > 0) await this.submit(Math.min(missing, BATCH));
      else await systemClock.sleep(50, until);
    }
  }

  /** Every key once more: each is answered with its one withdrawal, which has ended well. */
  async repeatAll(): Promise<string[]> {
    const broken: string[] = [];
    for (let from = 0; from < this.payments.length; from += BATCH) {
      const slice = this.payments.slice(from, from + BATCH);
      const answers = await this.#order(slice.map((_, index) => from + index));
      for (const [index, { withdrawal }] of answers.entries()) {
        const { key, id } = slice[index]!;
        if (withdrawal?.id !== id) broken.push(`key ${key} gives another withdrawal when repeated`);
        else if (withdrawal.status !== 'COMPLETED')
          broken.push(`key ${key} is ${withdrawal.status} at the end`);
      }
    }
    return broken.length > 10 ? [...broken.slice(0, 10), `… ${broken.length} in all`] : broken;
  }

  #key(number: number): string {
    return `${this.#tag}-${number}`;
  }

  #recipient(number: number): string {
    return `0xfee0${this.#tag}${number.toString(16).padStart(28, '0')}`;
  }

  async #order(numbers: readonly number[]): Promise<Item[]> {
    const withdrawals = numbers.map((number) => ({
      idempotencyKey: this.#key(number),
      account: ACCOUNT,
      asset: 'USDC',
      amount: AMOUNT,
      to: this.#recipient(number),
    }));
    const deadline = systemClock.monotonic() + ACCEPTED_WITHIN_MS;
    for (;;) {
      const { results } = await this.#ask<{ results: Item[] }>(
        'POST',
        '/v1/withdrawals/batch',
        202,
        { body: { withdrawals } },
      );
      const refused = results.find(({ status }) => status !== 202 && status < 500);
      if (refused !== undefined) throw new Error(`refused: ${JSON.stringify(refused)}`);
      if (results.every(({ status }) => status === 202)) return results;
      if (systemClock.monotonic() > deadline) throw new Error('requests are not accepted');
      this.repeats += 1;
      await systemClock.sleep(100, this.#signal);
    }
  }

  /** Repeats the same request until it is answered as expected; any refusal is an error. */
  async #ask<Body>(
    method: string,
    path: string,
    expected: number,
    { body, headers = {} }: { body: unknown; headers?: Record<string, string> },
  ): Promise<Body> {
    const deadline = systemClock.monotonic() + ACCEPTED_WITHIN_MS;
    for (;;) {
      this.#signal.throwIfAborted();
      const answer = await this.#once(method, path, JSON.stringify(body), headers);
      if (answer?.status === expected) return JSON.parse(answer.text) as Body;
      const passes = answer === null || answer.status >= 500;
      if (!passes || systemClock.monotonic() > deadline) {
        throw new Error(
          `${path}: ${answer === null ? 'no answer' : `${answer.status} ${answer.text}`}`,
        );
      }
      this.repeats += 1;
      await systemClock.sleep(100, this.#signal);
    }
  }

  /** Null: no answer, so nobody knows what happened. */
  async #once(method: string, path: string, body: string, headers: Record<string, string>) {
    const { apiKey } = this.#on.dev;
    try {
      const response = await fetch(`http://127.0.0.1:${this.#on.port}${path}`, {
        method,
        body,
        headers: {
          authorization: `Bearer ${apiKey}`,
          'content-type': 'application/json',
          ...headers,
        },
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      return { status: response.status, text: await response.text() };
    } catch {
      return null;
    }
  }
}
