import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NodeChain } from '../../src/base/chain/index.ts';
import { type Hex, Transient } from '../../src/base/kernel/index.ts';
import { type RpcFault, RpcFaultProxy, type RpcRule } from './rpc-fault-proxy.ts';

type Request = { id: number; method: string; params: string[] };

const SEND = 'eth_sendRawTransaction';
/** What the node was given, in order: the first bytes of each send. */
let delivered: string[] = [];
/** What it says of every call instead of answering. */
let refusal: string | null = null;
let node: Server;
let proxy: RpcFaultProxy;
let chain: NodeChain;

/** Answers a send with the bytes themselves as their hash, and everything else with 1. */
beforeEach(async () => {
  delivered = [];
  refusal = null;
  node = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const calls = JSON.parse(Buffer.concat(pieces).toString()) as Request[];
      const answers = calls.map(({ id, method, params }) => {
        if (refusal !== null) return { jsonrpc: '2.0', id, error: { code: 1, message: refusal } };
        if (method === SEND) delivered.push(params[0]!.slice(0, 4));
        return { jsonrpc: '2.0', id, result: method === SEND ? params[0] : '0x1' };
      });
      response.end(JSON.stringify(answers));
    });
  });
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
  const target = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
  proxy = await RpcFaultProxy.start(target, { seed: 5 });
  chain = new NodeChain({ url: proxy.url, timeoutMs: 1_000 });
});
afterEach(async () => {
  await proxy.stop();
  node.closeAllConnections();
  await new Promise((resolve) => node.close(resolve));
});

const raw = (byte: string) => ({
  hash: `0x${byte.repeat(31)}77` as Hex,
  bytes: Buffer.from(`${byte.repeat(31)}77`, 'hex'),
});
const classes = async (...bytes: string[]) =>
  (await chain.send(bytes.map(raw))).map((answer) => answer.class);

it('passes single calls and batches through, and counts them', async () => {
  expect(await chain.chainId()).toBe(1);
  expect(await classes('aa', 'bb')).toEqual(['accepted', 'accepted']);
  const single = await fetch(proxy.url, {
    method: 'POST',
    body: JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'eth_chainId', params: [] }),
  });
  expect(await single.json()).toEqual({ jsonrpc: '2.0', id: 9, result: '0x1' });
  expect(proxy.counts()).toEqual({
    requests: 3,
    calls: { eth_chainId: 2, [SEND]: 2 },
    faults: {},
  });
});

it.each<[RpcFault, string[]]>([
  [{ kind: 'lose_answer' }, ['0xaa', '0xbb']],
  [{ kind: 'silence' }, ['0xaa', '0xbb']],
  [{ kind: 'drop' }, []],
  [{ kind: 'truncate' }, ['0xaa', '0xbb']],
  [{ kind: 'status', status: 429 }, []],
  [{ kind: 'status', status: 502 }, []],
  [{ kind: 'status', status: 504, delivered: true }, ['0xaa', '0xbb']],
])('leaves the outcome of a batch unknown by %j', async (fault, wanted) => {
  proxy.failNext(SEND, fault);
  expect(await chain.chainId()).toBe(1);
  expect(await classes('aa', 'bb')).toEqual(['unknown', 'unknown']);
  expect(delivered).toEqual(wanted);
  expect(proxy.counts().faults).toEqual({ [fault.kind]: 2, [`${fault.kind} ${SEND}`]: 2 });
  expect(await classes('aa')).toEqual(['accepted']);
});

it.each<[RpcFault, string, string[]]>([
  [{ kind: 'wrong_hash' }, 'unknown', ['0xaa', '0xbb']],
  [{ kind: 'unanswered' }, 'unknown', ['0xaa', '0xbb']],
  [{ kind: 'error', message: 'nonce too low' }, 'nonce_used', ['0xbb']],
  [{ kind: 'error', message: 'already known', delivered: true }, 'already_known', ['0xaa', '0xbb']],
])('spoils one call of a batch by %j and no other', async (fault, wanted, given) => {
  proxy.failNext(SEND, fault);
  expect(await classes('aa', 'bb')).toEqual([wanted, 'accepted']);
  expect(delivered).toEqual(given);
  expect(proxy.counts().faults).toEqual({ [fault.kind]: 1, [`${fault.kind} ${SEND}`]: 1 });
});

it('lets the node be asked something else, and tells its result otherwise, but never its errors', async () => {
  proxy.rule([
    {
      method: SEND,
      probability: 1,
      fault: {
        kind: 'lie',
        ask: ([bytes]) => [`0xcc${String(bytes).slice(4)}`],
        tell: (result) => String(result).replace('0xcc', '0xaa'),
      },
    },
  ]);
  expect(await classes('aa', 'bb')).toEqual(['accepted', 'unknown']);
  expect(delivered).toEqual(['0xcc', '0xcc']);
  expect(await chain.chainId()).toBe(1);
  expect(proxy.counts().faults).toEqual({ lie: 2, [`lie ${SEND}`]: 2 });
  proxy.rule([{ method: '*', probability: 1, fault: { kind: 'lie', tell: () => '0x2' } }]);
  expect(await chain.chainId()).toBe(2);
  refusal = 'no';
  await expect(chain.chainId()).rejects.toThrow('no');
});

it('stands before a function as well as before a node', async () => {
  const before = await RpcFaultProxy.start(
    async (calls) => calls.map(({ id, method }) => ({ id, result: method.length })),
    { seed: 5 },
  );
  const response = await fetch(before.url, {
    method: 'POST',
    body: JSON.stringify([{ jsonrpc: '2.0', id: 3, method: 'abc' }]),
  });
  expect(await response.json()).toEqual([{ id: 3, result: 3 }]);
  await before.stop();
});

it('delivers a request twice, and late', async () => {
  proxy.failNext(SEND, { kind: 'twice' });
  expect(await classes('aa')).toEqual(['accepted']);
  expect(delivered).toEqual(['0xaa', '0xaa']);
  proxy.failNext(SEND, { kind: 'delay', ms: 20 });
  expect(await classes('bb')).toEqual(['accepted']);
  expect(delivered).toEqual(['0xaa', '0xaa', '0xbb']);
});

it('is Transient to whoever reads', async () => {
  for (const kind of ['lose_answer', 'drop', 'truncate', 'unanswered'] as const) {
    // What is a moment's mostly is asked once more.
    proxy.failNext('*', { kind });
    proxy.failNext('*', { kind });
    await expect(chain.chainId()).rejects.toThrow(Transient);
  }
});

it('refuses a batch whole and undelivered, and lets single calls pass', async () => {
  proxy.failNext(SEND, { kind: 'refuse_batch' });
  expect(await classes('aa', 'bb')).toEqual(['accepted', 'accepted']);
  expect(delivered).toEqual(['0xaa', '0xbb']);
  expect(proxy.counts().requests).toBe(3);
});

it('meets the same calls with the same faults for the same seed, and others for another', async () => {
  const rules: RpcRule[] = [
    { method: SEND, probability: 0.3, fault: { kind: 'unanswered' } },
    { method: '*', probability: 0.2, fault: { kind: 'drop' } },
  ];
  const met = async (seed: number) => {
    const target = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
    const other = await RpcFaultProxy.start(target, { seed, rules });
    const through = new NodeChain({ url: other.url });
    const seen: string[] = [];
    for (let n = 0; n < 30; n += 1) {
      const answers = await through.send(['aa', 'bb', 'cc'].map(raw));
      seen.push(answers.map((answer) => answer.class[0]).join(''));
    }
    other.rule([]);
    expect((await through.send([raw('aa')]))[0]!.class).toBe('accepted');
    await other.stop();
    return seen;
  };
  const first = await met(1);
  expect(await met(1)).toEqual(first);
  expect(await met(2)).not.toEqual(first);
  expect(new Set(first).size).toBeGreaterThan(4);
});
