import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HTTPFacilitatorClient } from '@x402/core/server';
import { ExactEvmScheme as PayerScheme } from '@x402/evm/exact/client';
import { ExactEvmScheme as MerchantScheme } from '@x402/evm/exact/server';
import { UptoEvmScheme as UptoPayerScheme } from '@x402/evm/upto/client';
import { UptoEvmScheme as UptoMerchantScheme } from '@x402/evm/upto/server';
import { paymentMiddleware, setSettlementOverrides, x402ResourceServer } from '@x402/express';
import {
  appendPaymentIdentifierToExtensions,
  declarePaymentIdentifierExtension,
  PAYMENT_IDENTIFIER,
} from '@x402/extensions/payment-identifier';
import { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } from '@x402/fetch';
// The package brings no types, and of it only this is used.
// @ts-expect-error
import express from 'express';
import type { Address } from '../../../src/base/kernel/index.ts';
import { FacilitatorClient, serveOnce } from '../../../src/doors/merchant/index.ts';
import { NETWORK, PAY_TO, PRICE } from './payers.ts';

const DOMAIN = { name: 'USD Coin', version: '2' };

/** What a merchant asks for a report, and whom it has move the money: the packages' client, or ours. */
export function offerOf(
  facilitatorUrl: string,
  token: Address,
  {
    key,
    helped = false,
    extra = DOMAIN,
    scheme = 'exact',
  }: {
    key?: string | undefined;
    helped?: boolean;
    extra?: Record<string, string>;
    scheme?: 'exact' | 'upto';
  },
) {
  const headers = key === undefined ? undefined : { Authorization: `Bearer ${key}` };
  const plain = new HTTPFacilitatorClient({
    url: `${facilitatorUrl}/x402`,
    ...(headers === undefined
      ? {}
      : {
          createAuthHeaders: async () => ({
            verify: headers,
            settle: headers,
            supported: headers,
            bazaar: headers,
          }),
        }),
  });
  const ours = { url: `${facilitatorUrl}/x402`, ...(key === undefined ? {} : { apiKey: key }) };
  const facilitator = helped ? new FacilitatorClient(ours) : plain;
  const resources = new x402ResourceServer(facilitator)
    .register(NETWORK, new MerchantScheme())
    .register(NETWORK, new UptoMerchantScheme());
  const price = { amount: PRICE, asset: token, extra };
  const accepts = [
    { scheme, network: NETWORK, payTo: PAY_TO, price, maxTimeoutSeconds: 300 } as const,
  ];
  const extensions = { [PAYMENT_IDENTIFIER]: declarePaymentIdentifierExtension() };
  return { routes: { 'GET /report': { accepts, extensions } }, resources };
}

/** An express merchant as its package's readme has it, unmodified, in front of a facilitator. */
export class Shop {
  readonly url: string;
  readonly #server: Server;
  #served: () => number;

  private constructor(server: Server, served: () => number) {
    this.#server = server;
    this.#served = served;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/report`;
  }

  /** How often its handler ran. */
  get served(): number {
    return this.#served();
  }

  /**
   * `helped`: with what we give to merchants beside the packages; `extra`: of the price, how it is to be paid; `charge`: of the
   * price as the most, what it comes to in the end.
   */
  static async open(
    facilitatorUrl: string,
    token: Address,
    key?: string,
    {
      helped = false,
      extra = DOMAIN,
      charge,
    }: { helped?: boolean; extra?: Record<string, string>; charge?: string } = {},
  ): Promise<Shop> {
    const scheme = charge === undefined ? 'exact' : 'upto';
    const { routes, resources } = offerOf(facilitatorUrl, token, { key, helped, extra, scheme });
    let served = 0;
    const app = express() as App;
    if (helped) app.use(serveOnce());
    app.use(paymentMiddleware(routes, resources));
    app.get('/report', (_request, response) => {
      served += 1;
      if (charge !== undefined) setSettlementOverrides(response, { amount: charge });
      response.json({ report: 'the weather is fine' });
    });
    const server = await new Promise<Server>((resolve) => {
      const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
    });
    return new Shop(server, () => served);
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

type App = {
  use(handler: ReturnType<typeof paymentMiddleware> | ReturnType<typeof serveOnce>): void;
  get(
    path: string,
    handler: (
      request: unknown,
      response: Parameters<typeof setSettlementOverrides>[0] & { json(body: unknown): void },
    ) => void,
  ): void;
  listen(port: number, host: string, ready: () => void): Server;
};

type Signer = ConstructorParameters<typeof PayerScheme>[0];

/** A payer that gives each payment the same name, as the packages' extension has it. */
export function named(identifier: string) {
  type Paid = { extensions?: Record<string, unknown> };
  return {
    key: PAYMENT_IDENTIFIER,
    enrichPaymentPayload: async <Payload extends Paid>(payload: Payload): Promise<Payload> => {
      const extensions = structuredClone(payload.extensions ?? {});
      return {
        ...payload,
        extensions: appendPaymentIdentifierToExtensions(extensions, identifier),
      };
    },
  };
}

/** The unmodified fetch of a payer; `header` is what it paid with last. */
export function payingFetch(
  payer: unknown,
  identifier?: string,
): {
  pay(url: string, init?: RequestInit): Promise<Response>;
  header(): string;
} {
  let header = '';
  const client = new x402Client()
    .setSpendControls(false)
    .register(NETWORK, new PayerScheme(payer as Signer))
    .register(NETWORK, new UptoPayerScheme(payer as Signer));
  if (identifier !== undefined) client.registerExtension(named(identifier));
  const pay = wrapFetchWithPayment(async (input, init) => {
    const request = new Request(input, init);
    header = request.headers.get('payment-signature') ?? header;
    return fetch(request);
  }, client);
  return { pay: (url, init) => pay(url, init), header: () => header };
}

/** What a merchant told its payer of the settlement. */
export function receiptOf(response: Response): {
  success: boolean;
  transaction: string;
  amount?: string;
} {
  return decodePaymentResponseHeader(response.headers.get('payment-response') ?? '') as ReturnType<
    typeof receiptOf
  >;
}
