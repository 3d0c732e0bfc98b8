import type { Address } from '../../../src/base/kernel/index.ts';
import { parseNetwork } from '../../../src/base/kernel/index.ts';
import { Installation, type InstallationOptions } from '../installation.ts';
import { until } from '../until.ts';
import { fundedPayer, merchantKey, signedPayment } from './payers.ts';
import { permittingPayer, type SignedPermit, signedUpto } from './permits.ts';
import { Upstream } from './upstream.ts';

type Required = { error: string; accepts: Record<string, unknown>[]; resource: { url: string } };

/** What a 402 asks for. */
export function required(answer: Response): Required {
  const header = answer.headers.get('payment-required') ?? '';
  return JSON.parse(Buffer.from(header, 'base64').toString()) as Required;
}

/** An installation with a merchant `shop`, paid on the first lane, and an API behind its gateway. */
export class Priced {
  readonly on: Installation;
  readonly upstream: Upstream;
  readonly payTo: Address;
  readonly #manager: string;

  private constructor(on: Installation, upstream: Upstream, manager: string) {
    this.on = on;
    this.upstream = upstream;
    this.payTo = on.settings.lanes[0]!.address;
    this.#manager = manager;
  }

  static async start(settings?: InstallationOptions['settings']): Promise<Priced> {
    const upstream = await Upstream.open();
    const upstreamNetworks = [parseNetwork('127.0.0.0/8')!];
    const on = await Installation.start({
      lanes: 1,
      settings: async (base) => {
        const given = (await settings?.(base)) ?? base;
        return { ...given, x402: { ...given.x402, upstreamNetworks } };
      },
    });
    await merchantKey(on, { payTo: [on.settings.lanes[0]!.address] });
    const { key } = await on.addKey({ scopes: ['payments:*'] });
    return new Priced(on, upstream, key);
  }

  async stop(): Promise<void> {
    await this.on.stop();
    await this.upstream.close();
  }

  /** With a key that may put prices. */
  manage(method: string, path: string, body?: unknown) {
    return this.on.call(method, path, body, { authorization: `Bearer ${this.#manager}` });
  }

  price(over: Record<string, unknown>) {
    return this.manage('POST', '/v1/priced-endpoints', {
      merchant: 'shop',
      method: 'GET',
      path: '/',
      asset: 'USDC',
      price: '0.01',
      payTo: this.payTo,
      upstream: `${this.upstream.url}/api`,
      ...over,
    });
  }

  at(path: string): string {
    return `${this.on.url}/gateway/demo.shop${path}`;
  }

  /** The header that pays for one request, signed for its challenge. */
  async signedFor(url: string, init: RequestInit = {}, amount = 1_000_000n) {
    const asked = await fetch(url, init);
    if (asked.status !== 402) throw new Error(`expected 402, got ${asked.status}`);
    const [accepted] = required(asked).accepts;
    const payer = await fundedPayer(this.on.anvil, this.on.token, amount);
    const { paymentPayload } = await signedPayment(payer, this.on.token, {
      payTo: accepted!['payTo'] as Address,
      amount: accepted!['amount'] as string,
    });
    const header = Buffer.from(JSON.stringify({ ...paymentPayload, accepted })).toString('base64');
    return { header, payer: payer.address as Address };
  }

  /** The same of a price that is the most; `body` is what its merchant would be handed. */
  async ceilingFor(url: string, { seconds }: { seconds?: number } = {}): Promise<Ceiling> {
    const [accepted] = required(await fetch(url)).accepts;
    const { amount, payTo, maxTimeoutSeconds, extra } = accepted as Record<string, string> & {
      extra: { facilitatorAddress: Address };
    };
    const payer = await permittingPayer(this.on);
    const lifeSeconds = seconds ?? Number(maxTimeoutSeconds);
    const signed = await signedUpto(payer, this.on.token, extra.facilitatorAddress, {
      permitted: { token: this.on.token, amount: amount! },
      deadline: String(Math.floor(Date.now() / 1000) + lifeSeconds),
      witness: {
        to: payTo as Address,
        facilitator: extra.facilitatorAddress,
        validAfter: '0',
      },
    });
    const paymentPayload = { ...signed.paymentPayload, accepted: accepted! };
    const header = Buffer.from(JSON.stringify(paymentPayload)).toString('base64');
    const body = { ...signed, paymentPayload, paymentRequirements: accepted! };
    return { header, payer: payer.address as Address, body };
  }
}

/** Signed for the most that a request may cost. */
type Ceiling = { header: string; payer: Address; body: SignedPermit };

export const send = (url: string, header: string, init: RequestInit = {}) =>
  fetch(url, { ...init, headers: { 'payment-signature': header } });

/** Asked again while its payment is under way, as a payer would. */
export const sendUntil = (url: string, header: string, init: RequestInit = {}) =>
  until('an answer', async () => {
    const answer = await send(url, header, init);
    return answer.status !== 503 && answer;
  });
