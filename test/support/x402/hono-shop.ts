import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { wrapAxiosWithPayment, x402Client } from '@x402/axios';
import { ExactEvmScheme as PayerScheme } from '@x402/evm/exact/client';
import { paymentMiddleware } from '@x402/hono';
import axios, { type AxiosInstance } from 'axios';
import { Hono } from 'hono';
import type { Address } from '../../../src/base/kernel/index.ts';
import { serveOnceHono } from '../../../src/doors/merchant/index.ts';
import { NETWORK } from './payers.ts';
import { named, offerOf } from './shop.ts';

/** A Hono merchant as its package's readme has it, unmodified, in front of a facilitator. */
export class HonoShop {
  readonly url: string;
  readonly #server: Server;
  #served = 0;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/report`;
  }

  /** How often its handler ran. */
  get served(): number {
    return this.#served;
  }

  static async open(
    facilitatorUrl: string,
    token: Address,
    key: string,
    { helped = false } = {},
  ): Promise<HonoShop> {
    const { routes, resources } = offerOf(facilitatorUrl, token, { key, helped });
    const app = new Hono();
    if (helped) app.use(serveOnceHono());
    app.use(paymentMiddleware(routes, resources));
    let shop: HonoShop;
    app.get('/report', (context) => {
      shop.#served += 1;
      return context.json({ report: 'the weather is fine' });
    });
    const server = await new Promise<Server>((done) => {
      const listening = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () =>
        done(listening as Server),
      );
    });
    shop = new HonoShop(server);
    return shop;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((done) => this.#server.close(() => done()));
  }
}

/** The unmodified axios of a payer. */
export function payingAxios(payer: unknown, identifier?: string): AxiosInstance {
  type Scheme = Parameters<x402Client['register']>[1];
  const scheme = new PayerScheme(payer as ConstructorParameters<typeof PayerScheme>[0]);
  const client = new x402Client().register(NETWORK, scheme as unknown as Scheme);
  if (identifier !== undefined) client.registerExtension(named(identifier));
  return wrapAxiosWithPayment(axios.create({ proxy: false }), client);
}
