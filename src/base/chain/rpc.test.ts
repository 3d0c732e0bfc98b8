import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Clock,
  ConfigurationError,
  type Hex,
  systemClock,
  Transient,
} from '../kernel/index.ts';
import { NodeChain, type SendClass } from './index.ts';
import { RpcClient } from './rpc.ts';
import { FIXTURES } from './send-errors.fixture.ts';

type Request = { jsonrpc: '2.0'; id: number; method: string; params: unknown[] };

/** An HTTP server that can answer a batch in every wrong way. */
class WrongNode {
  readonly batches: Request[][] = [];
  /** Of each request: a single call, not in a list. */
  readonly alone: boolean[] = [];
  readonly headers: IncomingMessage['headers'][] = [];
  readonly connections = new Set<unknown>();
  answer: (batch: Request[], response: ServerResponse) => void = (batch, response) => {
    response.end(JSON.stringify(batch.map(({ id }) => ({ jsonrpc: '2.0', id, result: '0x1' }))));
  };
  readonly #server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Request | Request[];
      const batch = [body].flat();
      this.batches.push(batch);
      this.alone.push(!Array.isArray(body));
      this.headers.push(request.headers);
      this.connections.add(request.socket);
      this.answer(batch, response);
    });
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  says(status: number, body: string): void {
    this.answer = (_batch, response) => response.writeHead(status).end(body);
  }
}

const SECRET = 'k3yk3yk3yk3y';
const OWN: Hex = `0x${'ab'.repeat(32)}`;
const node = new WrongNode();
let url: string;
const ok = (id: number, result: unknown) => ({ jsonrpc: '2.0', id, result });

beforeEach(async () => {
  await node.start();
  url = `http://127.0.0.1:${node.port}/v2/${SECRET}?apikey=${SECRET}`;
});
afterEach(async () => {
  node.batches.length = 0;
  node.alone.length = 0;
  delete (node as { answer?: unknown }).answer;
  node.answer = (batch, response) => {
    response.end(JSON.stringify(batch.map(({ id }) => ok(id, '0x1'))));
  };
  await node.stop();
});

describe('RpcClient', () => {
  const client = (more: { timeoutMs?: number; maxResponseBytes?: number; clock?: Clock } = {}) =>
    new RpcClient({ url, ...more });
  const calls = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ method: 'm', params: [index] }));

  it('sends at most 100 calls a request, in order, and no request for no call', async () => {
    expect(await client().batch([])).toEqual([]);
    expect(node.batches).toEqual([]);
    const outcomes = await client().batch(calls(250));
    expect(outcomes).toHaveLength(250);
    expect(node.batches.map((batch) => batch.length)).toEqual([100, 100, 50]);
    expect(node.batches.flat().map(({ params }) => params[0])).toEqual(
      Array.from({ length: 250 }, (_, index) => index),
    );
  });

  it('finds each answer by its id, whatever their order', async () => {
    node.answer = (batch, response) =>
      response.end(JSON.stringify(batch.map(({ id, params }) => ok(id, params[0])).reverse()));
    expect(await client().batch(calls(3))).toEqual([
      { kind: 'result', result: 0 },
      { kind: 'result', result: 1 },
      { kind: 'result', result: 2 },
    ]);
  });

  it('keeps an error to its own call', async () => {
    node.answer = (batch, response) =>
      response.end(
        JSON.stringify(
          batch.map(({ id, params }) =>
            params[0] === 1
              ? { jsonrpc: '2.0', id, error: { code: -32000, message: 'nonce too low' } }
              : ok(id, null),
          ),
        ),
      );
    expect(await client().batch(calls(3))).toEqual([
      { kind: 'result', result: null },
      { kind: 'error', code: -32000, message: 'nonce too low' },
      { kind: 'result', result: null },
    ]);
  });

  it('calls lost what was left out, answered twice, or answered under a foreign id', async () => {
    node.answer = (batch, response) =>
      response.end(
        JSON.stringify([
          ok(batch[0]!.id, '0x1'),
          ok(batch[1]!.id, '0x1'),
          ok(batch[1]!.id, '0x2'),
          ok(9_999, '0x1'),
          null,
          { jsonrpc: '2.0', id: batch[3]!.id },
        ]),
      );
    const kinds = (await client().batch(calls(4))).map(({ kind }) => kind);
    expect(kinds).toEqual(['result', 'lost', 'lost', 'lost']);
  });

  it('does not send the rest after a request whose answer was lost', async () => {
    const answer = node.answer;
    node.answer = (batch, response) =>
      batch[0]!.params[0] === 100 ? response.destroy() : answer(batch, response);
    const outcomes = await client().batch(calls(300));
    expect(node.batches.map((batch) => batch[0]!.params[0])).toEqual([0, 100, 100]);
    expect(outcomes.map(({ kind }) => kind)).toEqual([
      ...Array(100).fill('result'),
      ...Array(200).fill('lost'),
    ]);
  });

  it.each<[string, string, (response: ServerResponse) => void, number]>([
    ['a read', 'a cut connection', (response) => response.destroy(), 2],
    ['a read', 'a node that is starting', (response) => response.writeHead(503).end('wait'), 2],
    ['a read', 'a page', (response) => response.end('<html>'), 2],
    // To go on asking is what prolongs a limit.
    ['a read', 'a rate limit', (response) => response.writeHead(429).end('slow'), 1],
    ['a read', 'a wrong key', (response) => response.writeHead(401).end('who'), 1],
    // Perhaps taken: what becomes of it is not for the client to say.
    ['a send', 'a cut connection', (response) => response.destroy(), 1],
  ])('asks %s that met %s as often as makes sense', async (what, _met, answer, times) => {
    node.answer = (_batch, response) => answer(response);
    const method = what === 'a send' ? 'eth_sendRawTransaction' : 'eth_blockNumber';
    expect(await client().batch([{ method, params: [] }])).toMatchObject([{ kind: 'lost' }]);
    expect(node.batches).toHaveLength(times);
  });

  it('sends a single call without a list, and takes its answer with or without one', async () => {
    expect(await client().batch(calls(1))).toEqual([{ kind: 'result', result: '0x1' }]);
    node.answer = ([call], response) => response.end(JSON.stringify(ok(call!.id, '0x2')));
    expect(await client().batch(calls(1))).toEqual([{ kind: 'result', result: '0x2' }]);
    expect(node.alone).toEqual([true, true]);
    node.answer = ([call], response) => response.end(JSON.stringify(ok(call!.id + 1, '0x2')));
    expect(await client().batch(calls(1))).toMatchObject([{ kind: 'lost' }]);
  });

  describe('asks again in smaller requests and remembers their size', () => {
    const one = (code: number, message: string) =>
      JSON.stringify({ jsonrpc: '2.0', id: null, error: { code, message } });
    const fine = (batch: Request[]) =>
      JSON.stringify(batch.map(({ id, params }) => ok(id, params[0])));

    it.each<[string, number, (response: ServerResponse) => void]>([
      ['is larger than it allows', 20, (r) => r.end(one(-32600, 'batch limit 20 exceeded'))],
      ['is too large for a proxy', 20, (r) => r.writeHead(413).end('<html>too large</html>')],
      ['is a list, which it refuses', 1, (r) => r.end(one(-32000, 'batch not supported'))],
      ['is a list, which it can not read', 1, (r) => r.writeHead(400).end(one(-32600, 'Invalid'))],
    ])('when the batch %s', async (_what, most, refuse) => {
      node.answer = (batch, response) =>
        batch.length > most ? refuse(response) : response.end(fine(batch));
      const asking = client();
      const outcomes = await asking.batch(calls(100));
      expect(outcomes).toEqual(calls(100).map((_, result) => ({ kind: 'result', result })));
      const tried = node.batches.length;
      expect(await asking.batch(calls(30))).toHaveLength(30);
      expect(Math.max(...node.batches.slice(tried).map(({ length }) => length))).toBe(
        most === 1 ? 1 : 12,
      );
      expect(node.alone.at(-1)).toBe(most === 1);
    });

    it('and tries as many as ever after a while, which is longer while they are refused', async () => {
      let most = 20;
      node.answer = (batch, response) =>
        response.end(batch.length > most ? one(-32600, 'batch limit exceeded') : fine(batch));
      let now = 0;
      const asking = client({ clock: { ...systemClock, monotonic: () => now } });
      const refusedAfter = async (ms: number) => {
        now += ms;
        const tried = node.batches.length;
        await asking.batch(calls(100));
        return node.batches.slice(tried).filter(({ length }) => length > most).length;
      };
      const refused: number[] = [];
      for (const ms of [0, 999, 1, 1_999, 1, 3_999, 1, 7_999]) refused.push(await refusedAfter(ms));
      expect(refused).toEqual([3, 0, 3, 0, 3, 0, 3, 0]);
      most = 100;
      now += 1;
      await asking.batch(calls(100));
      expect(node.batches.at(-1)).toHaveLength(100);
      most = 20;
      // Well for long: what is refused now is a moment's again.
      expect([await refusedAfter(100_000), await refusedAfter(999), await refusedAfter(1)]).toEqual(
        [3, 0, 3],
      );
    });

    it('when only the first calls of it were answered', async () => {
      node.answer = (batch, response) =>
        response.end(
          JSON.stringify(
            batch.map(({ id, params }, index) =>
              index < 7
                ? ok(id, params[0])
                : { id, error: { code: -32005, message: 'batch limit exceeded' } },
            ),
          ),
        );
      const outcomes = await client().batch(calls(20));
      expect(outcomes).toEqual(calls(20).map((_, result) => ({ kind: 'result', result })));
      expect(node.batches.map(({ length }) => length)).toEqual([20, 7, 6]);
    });

    it('and not for a revert that speaks of batches, a rate limit or a missing right', async () => {
      for (const error of [
        { code: 3, message: 'execution reverted: batch limit exceeded' },
        { code: -32005, message: 'limit exceeded' },
        { code: -32000, message: 'unauthorized' },
      ]) {
        node.answer = (batch, response) =>
          response.end(JSON.stringify(batch.map(({ id }) => ({ id, error }))));
        expect(await client().batch(calls(3))).toMatchObject(Array(3).fill({ kind: 'error' }));
        node.answer = (_batch, response) => response.end(one(error.code, 'rate limit'));
        expect(await client().batch(calls(3))).toMatchObject(
          Array(3).fill({ kind: 'lost', failure: 'rate_limited' }),
        );
      }
      expect(node.batches).toHaveLength(6);
    });
  });

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['HTML', (r) => r.end('<html>maintenance</html>'), /HTTP 200 and no JSON-RPC/],
    ['truncated JSON', (r) => r.end('[{"jsonrpc":"2.0","id":1,"resu'), /no JSON-RPC/],
    ['a bare word', (r) => r.end('"fine"'), /no JSON-RPC/],
    ['an empty body', (r) => r.end(), /no JSON-RPC/],
    ['429', (r) => r.writeHead(429).end('[]'), /HTTP 429/],
    ['502', (r) => r.writeHead(502).end('Bad gateway'), /HTTP 502/],
    ['401', (r) => r.writeHead(401).end('who?'), /HTTP 401/],
    ['a redirect', (r) => r.writeHead(302, { location: '/x' }).end(), /HTTP 302, a redirect/],
    ['a reset', (r) => r.destroy(), /ECONNRESET/],
    [
      'one error for the batch',
      (r) => r.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch limit"}}'),
      /batch limit/,
    ],
    [
      'another form of JSON',
      (r) => r.writeHead(403).end(`{"message":"key ${SECRET}"}`),
      /HTTP 403/,
    ],
  ])('is lost, without the key, when the answer is %s', async (_name, answer, reason) => {
    node.answer = (_batch, response) => answer(response);
    const [outcome] = await client().batch(calls(1));
    expect(outcome).toMatchObject({ kind: 'lost', message: expect.stringMatching(reason) });
    expect(JSON.stringify(outcome)).not.toContain(SECRET);
    expect(JSON.stringify(outcome)).toContain('127.0.0.1');
  });

  it('gives up on a node that does not answer in time', async () => {
    node.answer = () => {};
    expect(await client({ timeoutMs: 50 }).batch(calls(1))).toEqual([
      {
        kind: 'lost',
        failure: 'timeout',
        message: `127.0.0.1:${node.port}: no answer within 50 ms`,
      },
    ]);
  });

  it('gives up on a body that does not end in time', async () => {
    node.answer = (_batch, response) => response.write('[');
    expect(await client({ timeoutMs: 50 }).batch(calls(1))).toMatchObject([
      { kind: 'lost', message: expect.stringContaining('no answer within 50 ms') },
    ]);
  });

  it('reads no more than its cap', async () => {
    node.answer = (_batch, response) => response.end(`["${'x'.repeat(5_000)}"]`);
    expect(await client({ maxResponseBytes: 1_000 }).batch(calls(1))).toMatchObject([
      { kind: 'lost', message: expect.stringContaining('larger than 1000 bytes') },
    ]);
  });

  it('takes the words of an error answer from an HTTP error too, and hides the key in them', async () => {
    node.answer = (batch, response) =>
      response.writeHead(400).end(
        JSON.stringify([
          {
            jsonrpc: '2.0',
            id: batch[0]!.id,
            error: { code: -32000, message: `no ${url} for ${SECRET}`, data: 'nonce too low' },
          },
        ]),
      );
    const [outcome] = await client().batch(calls(1));
    expect(outcome).toEqual({ kind: 'error', code: -32000, message: 'no … for …: nonce too low' });
  });

  it('keeps its connection, and opens another after one that was cut', async () => {
    node.connections.clear();
    const kept = client();
    await kept.batch(calls(250));
    await kept.batch(calls(1));
    expect(node.connections.size).toBe(1);
    const answer = node.answer;
    node.answer = (_batch, response) => response.destroy();
    expect(await kept.batch(calls(1))).toMatchObject([{ kind: 'lost' }]);
    node.answer = answer;
    expect(await kept.batch(calls(1))).toMatchObject([{ kind: 'result' }]);
    // The lost call was asked twice.
    expect(node.connections.size).toBe(3);
  });

  it('hands credentials of the URL over as a header', async () => {
    const withUser = new RpcClient({ url: `http://user:p%40ss@127.0.0.1:${node.port}/` });
    expect(await withUser.batch(calls(1))).toMatchObject([{ kind: 'result' }]);
    expect(node.headers.at(-1)?.authorization).toBe(
      `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
    );
    await new RpcClient({ url: `http://user:100%@127.0.0.1:${node.port}/` }).batch(calls(1));
    expect(node.headers.at(-1)?.authorization).toBe(
      `Basic ${Buffer.from('user:100%').toString('base64')}`,
    );
  });

  it.each(['not a url', 'ftp://node', 'ws://node'])(
    'refuses %s as an endpoint, without showing it',
    (bad) => {
      expect(() => new RpcClient({ url: bad })).toThrow(ConfigurationError);
      expect(() => new RpcClient({ url: bad })).not.toThrow(bad);
    },
  );
});

describe('NodeChain.send', () => {
  const bytes = Buffer.from('02c0', 'hex');

  it('gives every answer its class, whole JSON-RPC answers of all known clients', async () => {
    const cases = Object.entries(FIXTURES).flatMap(([wanted, fixtures]) =>
      fixtures.map(([, message]) => ({ wanted: wanted as SendClass, message })),
    );
    let answered = 0;
    node.answer = (batch, response) => {
      const answers = batch.map(({ id }) => {
        const { message } = cases[answered++]!;
        // Some clients wrap the words into data.
        const error =
          answered % 3 === 0
            ? { code: -32603, message: 'Internal JSON-RPC error.', data: message }
            : { code: -32000, message };
        return { jsonrpc: '2.0', id, error };
      });
      response.end(JSON.stringify(answers));
    };
    const answers = await new NodeChain({ url }).send(cases.map(() => ({ hash: OWN, bytes })));
    expect(answers.map((answer) => answer.class)).toEqual(cases.map(({ wanted }) => wanted));
  });

  it.each<[string, unknown, SendClass]>([
    ['its own hash', OWN, 'accepted'],
    ['its own hash in upper case', `0x${'AB'.repeat(32)}`, 'accepted'],
    ['the hash of another transaction', `0x${'cd'.repeat(32)}`, 'unknown'],
    ['null', null, 'unknown'],
    ['an object', {}, 'unknown'],
  ])('after the result %s', async (_name, result, wanted) => {
    node.answer = (batch, response) =>
      response.end(JSON.stringify(batch.map(({ id }) => ok(id, result))));
    const [answer] = await new NodeChain({ url }).send([{ hash: OWN, bytes }]);
    expect(answer).toMatchObject({ hash: OWN, class: wanted });
    expect(node.batches[0]![0]).toMatchObject({
      method: 'eth_sendRawTransaction',
      params: ['0x02c0'],
    });
  });

  it('keeps control characters out of the words of a node', async () => {
    const error = { code: -32000, message: 'bad\u0000\u0001\nthing' };
    node.answer = (batch, response) =>
      response.end(JSON.stringify(batch.map(({ id }) => ({ id, error }))));
    const [answer] = await new NodeChain({ url }).send([{ hash: OWN, bytes }]);
    expect(answer).toMatchObject({ message: 'bad thing' });
  });

  it('is unknown, not thrown, when the answer is lost or the node is not there', async () => {
    node.answer = (_batch, response) => response.destroy();
    const chain = new NodeChain({ url });
    expect(await chain.send([{ hash: OWN, bytes }])).toMatchObject([{ class: 'unknown' }]);
    await node.stop();
    expect(await chain.send([{ hash: OWN, bytes }])).toMatchObject([{ class: 'unknown' }]);
    await node.start();
  });
});

describe('NodeChain reads', () => {
  it.each<[string, (chain: NodeChain) => Promise<unknown>, unknown]>([
    ['a chain id that is no quantity', (c) => c.chainId(), 'one'],
    ['a height beyond a safe integer', (c) => c.chainId(), '0xffffffffffffffff'],
    ['a block without its hash', (c) => c.blocks(1, 1), { number: '0x1' }],
    [
      'a receipt with a strange status',
      (c) => c.receipts([OWN]),
      { blockHash: OWN, status: '0x2' },
    ],
    ['a receipt that is a word', (c) => c.receipts([OWN]), 'yes'],
    [
      'a transaction without nonce',
      (c) => c.transactionsByHash([OWN]),
      { hash: OWN, from: `0x${'11'.repeat(20)}` },
    ],
    [
      'a balance of a token without code',
      (c) => c.tokenBalances(`0x${'11'.repeat(20)}`, [`0x${'22'.repeat(20)}`], 'latest'),
      '0x',
    ],
    [
      'decimals beyond uint8',
      (c) => c.tokenDecimals(`0x${'11'.repeat(20)}`),
      `0x${'ff'.repeat(32)}`,
    ],
    ['code that is no hex', (c) => c.code(`0x${'11'.repeat(20)}`, 'latest'), '0xzz'],
    [
      'logs that are no list',
      (c) => c.receipts([OWN]),
      {
        blockHash: OWN,
        blockNumber: '0x1',
        transactionHash: OWN,
        status: '0x1',
        gasUsed: '0x1',
        effectiveGasPrice: '0x1',
        from: `0x${'11'.repeat(20)}`,
        to: null,
        logs: {},
      },
    ],
  ])('throw Transient on %s', async (_name, read, result) => {
    node.answer = (batch, response) =>
      response.end(JSON.stringify(batch.map(({ id }) => ok(id, result))));
    await expect(read(new NodeChain({ url }))).rejects.toThrow(Transient);
  });

  it('throw Transient on an error answer and on a node that is gone', async () => {
    node.answer = (batch, response) =>
      response.end(
        JSON.stringify(
          batch.map(({ id }) => ({ id, error: { code: -32005, message: 'limit exceeded' } })),
        ),
      );
    const chain = new NodeChain({ url });
    await expect(chain.balances([`0x${'11'.repeat(20)}`], 'latest')).rejects.toThrow(
      /-32005: limit exceeded/,
    );
    await expect(
      chain.estimateGas([
        { from: `0x${'11'.repeat(20)}`, to: `0x${'22'.repeat(20)}`, value: 1n, data: '0x' },
      ]),
    ).resolves.toEqual([{ ok: false, kind: 'node', message: 'limit exceeded' }]);
    node.answer = (_batch, response) => response.destroy();
    await expect(chain.header('latest')).rejects.toThrow(Transient);
    await expect(
      chain.estimateGas([
        { from: `0x${'11'.repeat(20)}`, to: `0x${'22'.repeat(20)}`, value: 1n, data: '0x' },
      ]),
    ).rejects.toThrow(Transient);
  });

  const HEADER = { number: '0x9', hash: OWN, parentHash: OWN, timestamp: '0x1' };
  const no = (message: string) => ({ error: { code: -32601, message } });
  it.each<[string, object, object, object]>([
    [
      'a history',
      { result: { ...HEADER, baseFeePerGas: '0x7' } },
      {
        result: {
          baseFeePerGas: ['0x6', '0x7', '0x8'],
          gasUsedRatio: [0.5, 0],
          reward: [
            ['0x1', '0x2'],
            ['0x0', '0x0'],
          ],
        },
      },
      { baseFeePerGas: 8n, tips: [[1n, 2n]] },
    ],
    [
      'a history without the next base fee and without tips',
      { result: { ...HEADER, baseFeePerGas: '0x7' } },
      { result: { baseFeePerGas: ['0x6', '0x7'], gasUsedRatio: [0.5, 0], reward: null } },
      { baseFeePerGas: 7n, tips: [] },
    ],
    [
      'no such method',
      { result: { ...HEADER, baseFeePerGas: '0x7' } },
      no('the method eth_feeHistory does not exist'),
      { baseFeePerGas: 7n, tips: [] },
    ],
    [
      'a history of nothing',
      { result: { ...HEADER, baseFeePerGas: '0x7' } },
      { result: null },
      { baseFeePerGas: 7n, tips: [] },
    ],
    [
      'a history of zeros on a chain that has no base fee',
      { result: HEADER },
      { result: { baseFeePerGas: ['0x0', '0x0'], gasUsedRatio: [0.5], reward: [['0x0']] } },
      { baseFeePerGas: null, gasPrice: 42n },
    ],
  ])('read what gas costs out of %s', async (_name, latest, history, expected) => {
    node.answer = (batch, response) =>
      response.end(
        JSON.stringify(
          batch.map(({ id }, index) => ({ id, ...[latest, history, { result: '0x2a' }][index] })),
        ),
      );
    const market = await new NodeChain({ url }).feeMarket({ blocks: 2, percentiles: [25, 50] });
    expect(market).toEqual(expected);
    expect(node.batches[0]![1]).toMatchObject({
      method: 'eth_feeHistory',
      params: ['0x2', 'latest', [25, 50]],
    });
  });

  it.each([
    ['no block', { result: null }, { result: '0x2a' }],
    ['a base fee that is none', { result: { ...HEADER, baseFeePerGas: 'x' } }, { result: '0x2a' }],
    ['neither base fee nor gas price', { result: HEADER }, no('the method does not exist')],
  ])('say of what gas costs only that it is not known: %s', async (_name, latest, gasPrice) => {
    node.answer = (batch, response) =>
      response.end(
        JSON.stringify(
          batch.map(({ id }, index) => ({ id, ...[latest, no('no'), gasPrice][index] })),
        ),
      );
    await expect(
      new NodeChain({ url }).feeMarket({ blocks: 2, percentiles: [50] }),
    ).rejects.toThrow(Transient);
  });

  it('take a tag that the chain has not reached for no block', async () => {
    node.answer = (batch, response) =>
      response.end(
        JSON.stringify(
          batch.map(({ id }) => ({
            id,
            error: { code: -32000, message: 'finalized block not found' },
          })),
        ),
      );
    expect(await new NodeChain({ url }).header('finalized')).toBeNull();
  });

  it('take a receipt without a block for none', async () => {
    node.answer = (batch, response) =>
      response.end(JSON.stringify(batch.map(({ id }) => ok(id, { blockHash: null }))));
    expect(await new NodeChain({ url }).receipts([OWN])).toEqual([null]);
  });
});
