import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classifySendError, NodeChain, type SendClass } from './index.ts';
import { ANSWERS, OTHER, OWN } from './send-answers.fixture.ts';
import { FIXTURES } from './send-errors.fixture.ts';

const CASES = Object.entries(FIXTURES).flatMap(([wanted, fixtures]) =>
  fixtures.map(([client, message]) => [wanted as SendClass, client, message] as const),
);

describe('classifySendError', () => {
  it.each(CASES)('says %s of what %s answers: %s', (wanted, _client, message) => {
    expect(classifySendError(message, OWN)).toBe(wanted);
    expect(classifySendError(`Server error: ${message}`, OWN)).toBe(wanted);
  });

  it('takes "known" for our bytes only when the text does not name another hash', () => {
    expect(classifySendError(`known transaction: ${OWN}`, OWN)).toBe('already_known');
    expect(classifySendError(`known transaction: ${OTHER}`, OWN)).toBe('unknown');
    expect(classifySendError(`known transaction: ${OTHER}`)).toBe('already_known');
    expect(classifySendError(`already known: ${OTHER} and ${OWN}`, OWN)).toBe('already_known');
  });

  it('reads a text in any case, and a hash within it too', () => {
    for (const [wanted, , message] of CASES) {
      expect(classifySendError(message.toUpperCase(), OWN)).toBe(wanted);
    }
    expect(classifySendError(`Known transaction: ${OTHER.toUpperCase()}`, OWN)).toBe('unknown');
  });
});

describe('a whole answer', () => {
  let server: Server;
  let answer = { status: 200, body: '' };

  beforeAll(async () => {
    server = createServer((request, response) => {
      request.resume();
      request.on('end', () => response.writeHead(answer.status).end(`[${answer.body}]`));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it.each(ANSWERS)('of $client is $wanted: $body', async ({ status = 200, body, wanted }) => {
    answer = { status, body };
    const { port } = server.address() as AddressInfo;
    // A client of its own: its first call has the id 1.
    const chain = new NodeChain({ url: `http://127.0.0.1:${port}` });
    const answers = await chain.send([{ hash: OWN, bytes: Buffer.from('02c0', 'hex') }]);
    expect(answers).toMatchObject([{ hash: OWN, class: wanted }]);
  });
});
