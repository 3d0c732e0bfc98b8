import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../base/kernel/index.ts';
import { FakeServices } from './fixtures/services.fixture.ts';
import { buildServer } from './server.ts';

let services: FakeServices;
let app: FastifyInstance;
let base: URL;
let agent: Agent;

beforeEach(async () => {
  services = new FakeServices();
  const options = { services, log: silentLog, version: '0', bodyLimitBytes: 65_536 };
  app = await buildServer({ ...options, graceMs: 30_000 });
  base = new URL(await app.listen({ port: 0, host: '127.0.0.1' }));
  agent = new Agent({ keepAlive: true });
});
afterEach(async () => {
  agent.destroy();
  await app.close();
});

type Answer = { status: number; connection: string | undefined; body: string };

function send(path: string, options: { method?: string; key?: string; accept?: string } = {}) {
  return new Promise<Answer>((resolve, reject) => {
    const headers = {
      authorization: 'Bearer all',
      'content-type': 'application/json',
      ...(options.key !== undefined && { 'idempotency-key': options.key }),
      ...(options.accept !== undefined && { accept: options.accept }),
    };
    const method = options.method ?? 'GET';
    const sent = request(new URL(path, base), { method, headers, agent }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          connection: response.headers.connection,
          body,
        }),
      );
    });
    sent.on('error', reject);
    sent.end(method === 'POST' ? '{}' : undefined);
  });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

it('answers running requests with Connection: close, takes no new ones, and ends', async () => {
  let open = () => {};
  services.gate = new Promise((resolve) => {
    open = resolve;
  });
  let began = false;
  const submit = services.submit.bind(services);
  services.submit = (...args) => {
    began = true;
    return submit(...args);
  };
  await send('/healthz');
  const running = send('/v1/withdrawals', { method: 'POST', key: 'a' });
  await until(() => began);
  const closed = app.close();
  await expect(refusedConnection()).resolves.toBe('ECONNREFUSED');
  open();
  const answer = await running;
  expect(answer).toMatchObject({ status: 202, connection: 'close' });
  await closed;
});

it('ends streams and long polls, which get the present state', async () => {
  const { id } = JSON.parse((await send('/v1/withdrawals', { method: 'POST', key: 'a' })).body);
  const poll = send(`/v1/withdrawals/${id}?waitFor=COMPLETED&timeoutMs=60000`);
  const stream = send('/v1/events', { accept: 'text/event-stream' });
  await until(() => services.reached.size === 1 && services.listeners.size === 1);
  await app.close();
  expect((await stream).status).toBe(200);
  const answer = await poll;
  expect(answer).toMatchObject({ status: 200, connection: 'close' });
  expect(JSON.parse(answer.body).status).toBe('RESERVED');
});

it('does not wait for connections on which nothing was asked', async () => {
  const socket = connect(Number(base.port), base.hostname);
  await new Promise((resolve) => socket.once('connect', resolve));
  await send('/healthz');
  const gone = new Promise((resolve) => socket.once('close', resolve));
  await app.close();
  await gone;
});

it('cuts what is still running when its grace is over', async () => {
  const options = { services, log: silentLog, version: '0', bodyLimitBytes: 65_536, graceMs: 20 };
  const other = await buildServer(options);
  base = new URL(await other.listen({ port: 0, host: '127.0.0.1' }));
  let began = false;
  services.submit = () => {
    began = true;
    return new Promise(() => {});
  };
  const stuck = send('/v1/withdrawals', { method: 'POST', key: 'a' });
  stuck.catch(() => {});
  await until(() => began);
  await other.close();
  await expect(stuck).rejects.toThrow(/hang up|ECONNRESET/);
});

function refusedConnection(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const attempt = () => {
      const socket = connect(Number(base.port), base.hostname);
      // What stood in the backlog when the port closed is reset; only a refusal proves it closed.
      socket.once('error', (error: NodeJS.ErrnoException) =>
        error.code === 'ECONNREFUSED' ? resolve(error.code) : attempt(),
      );
      socket.once('connect', () => {
        socket
          .removeAllListeners()
          .on('error', () => {})
          .destroy();
        setImmediate(attempt);
      });
    };
    attempt();
  });
}
