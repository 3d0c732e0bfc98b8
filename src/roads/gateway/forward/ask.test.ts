import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { parseNetwork } from '../../../base/kernel/index.ts';
import { askUpstream, UpstreamFailed } from './ask.ts';

it.each([
  [
    'switches protocols',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
  ],
  ['says nothing', ''],
])('an upstream that %s has failed', async (_, words) => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(words));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const asked = askUpstream({
    url: new URL(`http://127.0.0.1:${port}/`),
    ...{ method: 'GET', headers: {}, body: Buffer.alloc(0), signal: new AbortController().signal },
    opened: [parseNetwork('127.0.0.0/8')!],
  });
  await expect(asked).rejects.toThrow(UpstreamFailed);
  await new Promise((done) => server.close(done));
});
