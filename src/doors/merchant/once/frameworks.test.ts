import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
// The package brings no types, and of it only this is used.
// @ts-expect-error
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FacilitatorClient } from '../facilitator/client.ts';
import { Scripted } from '../scripted.fixture.ts';
import { serveOnceFastify } from './fastify.ts';
import { serveOnceHono } from './hono.ts';
import { serveOnce } from './node.ts';

type Answer = { status: number; body: string };
/** What a payment middleware and the handler behind it do, in one: verify, run, settle; any fault is told as unpaid. */
type Pay = (payment: string) => Promise<Answer>;

let facilitator: Scripted;
let server: { close(): unknown };
let runs: number;
beforeEach(async () => {
  facilitator = await Scripted.open();
  runs = 0;
});
afterEach(async () => {
  await server?.close();
  await facilitator.close();
});

async function pay(client: FacilitatorClient, payment: string): Promise<Answer> {
  const payload = { payload: { authorization: { from: '0x1', nonce: payment } } };
  try {
    const { isValid } = await client.verify(payload, {});
    if (!isValid) return { status: 402, body: 'pay' };
    runs += 1;
    const body = `run ${runs}`;
    const { success } = await client.settle(payload, {});
    return success ? { status: 200, body } : { status: 402, body: 'pay' };
  } catch {
    return { status: 402, body: 'pay' };
  }
}

const portOf = (listening: Server) => (listening.address() as AddressInfo).port;

/** Each opens a merchant and returns its port. */
const FRAMEWORKS: [string, (pay: Pay) => Promise<number>][] = [
  [
    'Express',
    async (pay) => {
      const app = express();
      app.use(serveOnce(), express.json());
      app.use('/report', async (request: Incoming, response: Outgoing) => {
        const { status, body } = await pay(request.headers['payment-signature'] ?? '');
        response.status(status).set('payment-response', 'r').send(body);
      });
      const listening = createServer(app);
      server = listening;
      await new Promise<void>((done) => listening.listen(0, '127.0.0.1', done));
      return portOf(listening);
    },
  ],
  [
    'Fastify',
    async (pay) => {
      const app = Fastify();
      await app.register(serveOnceFastify);
      app.all('/report', async (request, reply) => {
        const { status, body } = await pay(String(request.headers['payment-signature']));
        return reply.code(status).header('payment-response', 'r').type('text/plain').send(body);
      });
      server = app;
      await app.listen({ port: 0, host: '127.0.0.1' });
      return portOf(app.server);
    },
  ],
  [
    'Hono',
    async (pay) => {
      const app = new Hono();
      app.use(serveOnceHono());
      app.all('/report', async (context) => {
        const { status, body } = await pay(context.req.header('payment-signature') ?? '');
        return context.body(body, status as 200, { 'payment-response': 'r' });
      });
      return new Promise((done) => {
        const listening = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () =>
          done(portOf(listening as Server)),
        );
        server = listening;
      });
    },
  ],
];
type Incoming = { headers: Record<string, string> };
type Outgoing = {
  status(code: number): Outgoing;
  set(name: string, value: string): Outgoing;
  send(body: string): void;
};

const extra = { paymentId: 'p1' };
const GRANTED = { body: { isValid: true, extra } };
const PAID = { body: { success: true, transaction: '0xa', network: 'eip155:1', extra } };
const DUPLICATE = { body: { isValid: false, invalidReason: 'duplicate_settlement', extra } };
const PENDING = { body: { success: false, errorReason: 'settlement_pending', extra } };

describe.each(FRAMEWORKS)('a merchant on %s', (_, open) => {
  let port: number;
  beforeEach(async () => {
    const { url } = facilitator;
    const client = new FacilitatorClient({ url, patienceMs: 0, onFault: () => {} });
    port = await open((payment) => pay(client, payment));
  });

  const ask = async (payment: string, init: RequestInit = {}) => {
    const headers = { 'payment-signature': payment, ...init.headers };
    const answer = await fetch(`http://127.0.0.1:${port}/report?a`, { ...init, headers });
    const { status } = answer;
    const replayed = answer.headers.get('idempotent-replayed') === 'true';
    return { status, body: await answer.text(), replayed, headers: answer.headers };
  };

  it('runs its handler once for one payment that comes twenty times at once', async () => {
    facilitator.script = { verify: [GRANTED], settle: [PAID] };
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('one')));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body}`))).toEqual(
      new Set(['200 run 1']),
    );
    expect(answers.filter(({ replayed }) => replayed)).toHaveLength(19);
    for (const { headers } of answers) expect(headers.get('payment-response')).toBe('r');
    expect(runs).toBe(1);
  });

  it('serves who signed anew under one identifier what the first payment paid for', async () => {
    facilitator.script = { verify: [GRANTED, DUPLICATE], settle: [PAID] };
    const [first, second] = await Promise.all([ask('one'), ask('two')]);
    const served = [first, second, await ask('three')];
    expect(served.map(({ status, body }) => [status, body])).toEqual(
      served.map(() => [200, 'run 1']),
    );
    expect(runs).toBe(1);
  });

  it('asks nobody to pay again while it is not known, and serves that payment then', async () => {
    facilitator.script = { verify: [GRANTED], settle: [PENDING] };
    const doubtful = await ask('one');
    expect([doubtful.status, JSON.parse(doubtful.body).error]).toEqual([503, 'payment_pending']);
    expect(doubtful.headers.get('retry-after')).toBe('1');
    facilitator.script = { verify: [DUPLICATE], settle: [PAID] };
    expect(await ask('one')).toMatchObject({ status: 200, body: 'run 2', replayed: false });
    expect(await ask('one')).toMatchObject({ status: 200, body: 'run 2', replayed: true });
  });

  it('passes a no on, and keeps nothing of it', async () => {
    facilitator.script = {
      verify: [{ body: { isValid: false, invalidReason: 'x' } }, GRANTED],
      settle: [PAID],
    };
    expect(await ask('one')).toMatchObject({ status: 402, body: 'pay' });
    expect(await ask('one')).toMatchObject({ status: 200, body: 'run 1' });
  });

  it('passes its caller’s Idempotency-Key on, also of a request with a body', async () => {
    facilitator.script = { verify: [GRANTED], settle: [PAID] };
    const of = { 'idempotency-key': 'order-7', 'content-type': 'application/json' };
    await ask('one', { method: 'POST', body: '{"a":1}', headers: of });
    await ask('two', { method: 'POST', body: '{"a":1}', headers: of });
    await ask('three', { method: 'POST', body: '{"a":1}' });
    const keys = facilitator.heard.map(({ headers }) => headers['idempotency-key']);
    expect(keys.slice(0, 4)).toEqual(keys.slice(0, 4).map(() => keys[0]));
    expect(keys[4]).not.toBe(keys[0]);
  });
});
