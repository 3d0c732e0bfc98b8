import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { ExactEvmScheme } from '@x402/evm/exact/server';
import { paymentMiddleware, x402ResourceServer } from '@x402/hono';
import { Hono } from 'hono';
// A shop of its own has it from 'payonce/x402'.
import { FacilitatorClient, serveOnceHono } from '../../src/doors/merchant/index.ts';

type Offer = {
  network: `${string}:${string}`;
  asset: string;
  amount: string;
  payTo: string;
};

/** A shop that sells a report over HTTP: official middleware, our client and our step in front of it. */
export async function openShop(
  { network, asset, amount, payTo }: Offer,
  at: { url: string; apiKey: string },
): Promise<{ url: string; served(): number; close(): void }> {
  const facilitator = new FacilitatorClient(at);
  const price = { asset, amount, extra: { name: 'USD Coin', version: '2' } };
  const accepts = [{ scheme: 'exact', network, payTo, price, maxTimeoutSeconds: 300 }];
  const resources = new x402ResourceServer(facilitator).register(network, new ExactEvmScheme());
  let served = 0;
  const app = new Hono();
  app.use(serveOnceHono());
  app.use(paymentMiddleware({ 'GET /report': { accepts } }, resources));
  app.get('/report', (context) => {
    served += 1;
    return context.json({ report: 'the weather is fine' });
  });
  const server = await new Promise<Server>((done) => {
    const listening = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () =>
      done(listening as Server),
    );
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/report`;
  return { url, served: () => served, close: () => server.close() };
}
