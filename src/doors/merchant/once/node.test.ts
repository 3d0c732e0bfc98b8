import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { serveOnce } from './node.ts';

type Answer = { status: number; body: string };
let server: Server | undefined;
afterEach(() => server?.close());

/** A handler behind serveOnce; `runs` are the requests that reached it. */
async function open(answer: (run: number) => Answer, options = {}) {
  const step = serveOnce(options);
  const runs: string[] = [];
  const listening = createServer((request, response) => {
    step(request, response, () => {
      runs.push(request.url!);
      const { status, body } = answer(runs.length);
      setImmediate(() => {
        response.writeHead(status, { 'content-type': 'text/plain', 'payment-response': 'r' });
        response.write(body.slice(0, 1));
        response.end(body.slice(1));
      });
    });
  });
  server = listening;
  await new Promise<void>((done) => listening.listen(0, '127.0.0.1', done));
  const { port } = listening.address() as AddressInfo;
  const ask = (path: string, payment?: string, method = 'GET') => {
    const headers = payment === undefined ? undefined : { 'payment-signature': payment };
    return fetch(`http://127.0.0.1:${port}${path}`, { method, ...(headers && { headers }) });
  };
  return { ask, runs };
}

describe('a payment that was served', () => {
  it('is served again from memory, with its headers, and the handler runs once', async () => {
    const { ask, runs } = await open((run) => ({ status: 200, body: `run ${run}` }));
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask('/a', 'p1')));
    for (const answer of [...answers, await ask('/a', 'p1')]) {
      expect([answer.status, await answer.text()]).toEqual([200, 'run 1']);
      expect(answer.headers.get('payment-response')).toBe('r');
    }
    expect(runs).toHaveLength(1);
  });

  it('is another one with another payment, path or method; without one nothing is kept', async () => {
    const { ask, runs } = await open((run) => ({ status: 200, body: `run ${run}` }));
    await ask('/a', 'p1');
    await ask('/a', 'p2');
    await ask('/a?b', 'p1');
    await ask('/a', 'p1', 'POST');
    await ask('/a');
    await ask('/a');
    expect(runs).toHaveLength(6);
  });

  it('is not one where it ended in an error, or is too large to keep', async () => {
    const failing = await open((run) => ({ status: run === 1 ? 502 : 200, body: `run ${run}` }));
    expect((await failing.ask('/a', 'p1')).status).toBe(502);
    expect(await (await failing.ask('/a', 'p1')).text()).toBe('run 2');
    expect(await (await failing.ask('/a', 'p1')).text()).toBe('run 2');
    server?.close();
    const large = await open((run) => ({ status: 200, body: `run ${run}` }), { maxBytes: 4 });
    await (await large.ask('/a', 'p1')).text();
    expect(await (await large.ask('/a', 'p1')).text()).toBe('run 2');
  });
});
