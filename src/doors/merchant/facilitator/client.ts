import { currentExchange } from '../exchange.ts';
import { ask, toJson } from './ask.ts';
import { FacilitatorFault } from './fault.ts';
import { isUnderWay, judgeAnswer, type Said } from './judge.ts';
import { keyOf, type Payload } from './key.ts';

export type FacilitatorOptions = {
  /** As the official client takes it: `https://pay.example/x402`. */
  url: string;
  /** A merchant's; none where the facilitator takes payments without. */
  apiKey?: string;
  /** For one question; longer than the facilitator waits for a block (8 s). */
  timeoutMs?: number;
  /** How long to ask again while nobody knows. */
  patienceMs?: number;
  /**
   * Makes the error for an outcome that is still unknown then, where no `serveOnce` is in front: with
   * `(message) => new FacilitatorResponseError(message)` of the official packages the caller gets 502, not 402.
   */
  unknown?: (message: string) => Error;
  /** Hears every fault, since the packages tell the payer and nobody else. */
  onFault?: (fault: FacilitatorFault) => void;
};

type Network = `${string}:${string}`;
type Verified = { isValid: boolean; invalidReason?: string; payer?: string };
type Settled = {
  success: boolean;
  transaction: string;
  network: Network;
  errorReason?: string;
  payer?: string;
};
type Supported = {
  kinds: { x402Version: number; scheme: string; network: Network }[];
  extensions: string[];
  signers: Record<string, string[]>;
};

const REST_MS = 250;
const MOST_OWED = 10_000;

/**
 * A client of payonce's facilitator in the place of the packages' own. It names each payment by an Idempotency-Key, and where
 * an answer is lost or a payment under way it looks until the outcome is known. What it does not know by the end of
 * its patience is a fault, never a no: a no has the payer pay again. Asking again moves nothing twice.
 */
export class FacilitatorClient {
  readonly #options: Required<Omit<FacilitatorOptions, 'apiKey' | 'unknown'>> &
    Pick<FacilitatorOptions, 'unknown'>;
  readonly #headers: Readonly<Record<string, string>>;
  /** What this client was allowed to serve, and as which payment. */
  readonly #granted = new WeakMap<object, string>();
  /** Such payments whose settle was not heard to end: nobody was served for them. */
  readonly #owed = new Set<string>();

  constructor({ url, apiKey, ...options }: FacilitatorOptions) {
    if (!URL.canParse(url)) throw new TypeError(`url is no URL: ${url}`);
    this.#options = {
      timeoutMs: 20_000,
      patienceMs: 60_000,
      onFault: ({ message }) => console.error(`[payonce] ${message}`),
      ...options,
      url: url.replace(/\/+$/, ''),
    };
    this.#headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  }

  async verify(payload: Payload, requirements: object): Promise<Verified> {
    const deadline = this.#deadline();
    const exchange = currentExchange();
    const key = keyOf(payload, exchange?.idempotencyKey);
    for (;;) {
      const judged = judgeAnswer(await this.#ask('verify', payload, requirements, key), 'isValid');
      if (judged.kind === 'verdict') {
        const { isValid, invalidReason } = judged.body;
        const id = paymentIdOf(judged.body);
        if (id === null) return judged.body as Verified;
        const isOwed = invalidReason === 'duplicate_settlement' && this.#owed.has(id);
        if (isValid === true || isOwed) {
          this.#granted.set(payload, id);
          exchange?.grant(id);
        } else await exchange?.recall(id);
        return (isOwed ? { isValid: true, payer: judged.body['payer'] } : judged.body) as Verified;
      }
      if (judged.kind === 'refused') throw this.#fault('refused', 'verify', judged.why);
      if (performance.now() >= deadline) throw this.#fault('outcome_unknown', 'verify', judged.why);
      await rest();
    }
  }

  async settle(payload: Payload, requirements: object): Promise<Settled> {
    const deadline = this.#deadline();
    const key = keyOf(payload, currentExchange()?.idempotencyKey);
    const granted = this.#granted.get(payload);
    // Taken at once: of copies that are settled side by side one alone is told so.
    const wasOwed = granted !== undefined && this.#owed.delete(granted);
    let isLost = wasOwed;
    let id = granted ?? null;
    for (;;) {
      const heard = await this.#ask('settle', payload, requirements, key);
      const judged = judgeAnswer(heard, 'success');
      if (judged.kind === 'verdict') {
        const { errorReason, errorMessage: _, ...body } = judged.body;
        // A success is told once, and it was told to us: the verify's yes was ours, and an answer to us was lost.
        const isOurs = errorReason === 'duplicate_settlement' && isLost && granted !== undefined;
        return (isOurs ? { ...body, success: true } : judged.body) as Settled;
      }
      if (judged.kind === 'refused') {
        if (wasOwed) this.#owe(granted);
        throw this.#fault('refused', 'settle', judged.why);
      }
      isLost ||= heard.kind === 'silence';
      id ??= heard.kind === 'answer' ? paymentIdOf(heard.body) : null;
      await this.#awaitOutcome(id, key, deadline);
      if (performance.now() < deadline) continue;
      if (granted !== undefined) this.#owe(granted);
      throw this.#fault('outcome_unknown', 'settle', judged.why);
    }
  }

  async getSupported(): Promise<Supported> {
    const { url, timeoutMs } = this.#options;
    const heard = await ask({ url: `${url}/supported`, timeoutMs, headers: this.#headers });
    if (heard.kind === 'answer' && heard.status === 200 && Array.isArray(heard.body?.['kinds'])) {
      return heard.body as Supported;
    }
    const why = heard.kind === 'silence' ? heard.cause : `HTTP ${heard.status}`;
    throw this.#fault('refused', 'say what is supported', why);
  }

  /** Looks at the payment while it is under way, which costs the facilitator less than a settle. */
  async #awaitOutcome(id: string | null, key: string, deadline: number): Promise<void> {
    do {
      await rest();
      const payment = await this.#look(id, key);
      if (payment === null || !isUnderWay(payment)) return;
    } while (performance.now() < deadline);
  }

  /** Null: there is none, or it can not be told which, so that only a settle tells. */
  async #look(id: string | null, key: string): Promise<Said | null> {
    if (this.#headers['authorization'] === undefined) return null;
    const { url, timeoutMs } = this.#options;
    const path = id === null ? `?paymentIdentifier=${encodeURIComponent(key)}` : `/${id}`;
    const payments = new URL('../v1/payments', `${url}/`).href;
    const heard = await ask({ url: `${payments}${path}`, timeoutMs, headers: this.#headers });
    if (heard.kind !== 'answer' || heard.status !== 200) return null;
    if (id !== null) return heard.body;
    const items = heard.body?.['items'];
    return Array.isArray(items) && items.length === 1 ? (items[0] as Said) : null;
  }

  #ask(what: 'verify' | 'settle', paymentPayload: Payload, requirements: object, key: string) {
    const { url, timeoutMs } = this.#options;
    const { x402Version = 2 } = paymentPayload as { x402Version?: number };
    const body = toJson({ x402Version, paymentPayload, paymentRequirements: requirements });
    const headers = { ...this.#headers, 'idempotency-key': key };
    return ask({ url: `${url}/${what}`, timeoutMs, headers, body });
  }

  #deadline(): number {
    return performance.now() + this.#options.patienceMs;
  }

  #owe(id: string): void {
    const [oldest] = this.#owed;
    if (this.#owed.size >= MOST_OWED && oldest !== undefined) this.#owed.delete(oldest);
    this.#owed.add(id);
  }

  #fault(code: FacilitatorFault['code'], what: string, why: string): Error {
    const { unknown, onFault } = this.#options;
    const said =
      code === 'refused'
        ? `the facilitator refused to ${what}: ${why}`
        : `the facilitator could not tell the outcome of a ${what}: ${why}`;
    const fault = new FacilitatorFault(code, said);
    onFault(fault);
    currentExchange()?.doubt();
    return unknown === undefined ? fault : unknown('payment_pending');
  }
}

function paymentIdOf(body: Said | null): string | null {
  const id = (body?.['extra'] as Said | undefined)?.['paymentId'];
  return typeof id === 'string' ? id : null;
}

const rest = () => new Promise((done) => setTimeout(done, REST_MS));
