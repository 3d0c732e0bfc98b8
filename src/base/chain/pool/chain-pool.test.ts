import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EndpointSettings } from '../../config/index.ts';
import { type Hex, keccak256, type Log, systemClock, Transient } from '../../kernel/index.ts';
import type { ChainPool } from '../index.ts';
import { openChainPool } from '../index.ts';
import { ToyNode } from './toy-node.fixture.ts';

const OURS = 8453;
const SOMEONE: Hex = `0x${'5a'.repeat(20)}`;

let nodes: [ToyNode, ToyNode, ToyNode];
let [a, b, c] = [] as unknown as typeof nodes;
let lines: string[];
let aheadMs: number;

beforeEach(async () => {
  nodes = [await ToyNode.start(), await ToyNode.start(), await ToyNode.start()];
  [a, b, c] = nodes;
  lines = [];
  aheadMs = 0;
});
afterEach(async () => {
  for (const node of nodes) await node.stop();
  expect(lines.join()).not.toContain('s3cret');
});

const note = (fields: unknown, message: string) =>
  void lines.push(`${message} ${JSON.stringify(fields)}`);
const log: Log = { debug: note, info: note, warn: note, error: note };
const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs };

/** One endpoint per node given; the first two are called a and b where nothing else is said. */
function pool(of: readonly ToyNode[], options: Partial<EndpointSettings>[] = []): ChainPool {
  return openChainPool({
    chain: {
      id: 'base',
      chainId: OURS,
      rpc: of.map((node, index) => ({
        url: node.url,
        name: 'abc'[nodes.indexOf(node)]!,
        roles: ['read', 'send'],
        timeoutMs: { read: 1_000, send: 1_000 },
        ...options[index],
      })),
    },
    clock,
    log,
    random: () => 0.5,
  });
}

const stateOf = (chain: ChainPool, name: string) =>
  chain.endpoints().find((endpoint) => endpoint.name === name)!.state;

/** Every endpoint has told its chain. */
async function ready(chain: ChainPool): Promise<ChainPool> {
  await chain.chainId();
  for (const { name } of chain.endpoints()) {
    await expect.poll(() => stateOf(chain, name)).toBe('healthy');
  }
  return chain;
}
const raw = (...bytes: string[]) =>
  bytes.map((hex) => ({
    hash: keccak256(Buffer.from(hex, 'hex')),
    bytes: Buffer.from(hex, 'hex'),
  }));
const classesOf = async (chain: ChainPool, ...bytes: string[]) =>
  (await chain.send(raw(...bytes))).map((answer) => answer.class);

describe('a pool of one', () => {
  it('asks its node once who it is, and then what it is asked', async () => {
    const chain = pool([a]);
    expect(await chain.chainId()).toBe(OURS);
    for (let round = 0; round < 20; round += 1) await chain.balances([SOMEONE], 'latest');
    expect(a.asked).toEqual(['eth_chainId', ...Array(20).fill('eth_getBalance')]);
    expect(chain.endpoints()).toMatchObject([
      { name: 'a', host: `127.0.0.1:${a.port}`, state: 'healthy', head: 100, lag: 0 },
    ]);
  });

  it('says why it has no answer, without the key, and has one as soon as the node is back', async () => {
    const chain = pool([a]);
    a.fault = 503;
    await expect(chain.header('latest')).rejects.toThrow(Transient);
    await expect(chain.header('latest')).rejects.toThrow(
      `no endpoint of chain base can be used (127.0.0.1:${a.port} answered HTTP 503 and no JSON-RPC)`,
    );
    expect(await classesOf(chain, 'aa')).toEqual(['unknown']);
    expect(a.sent).toEqual([]);
    a.fault = null;
    expect((await chain.header('latest'))!.number).toBe(100);
  });

  it("tells another chain's id when its node is on that", async () => {
    a.chainId = 1;
    expect(await pool([a]).chainId()).toBe(1);
  });
});

describe('reads', () => {
  it.each<[string, ToyNode['fault'], string]>([
    ['asks to slow down', 429, 'rate_limited'],
    ['is not served behind its proxy', 502, 'server_error'],
    ['refuses its key', 401, 'unauthorized'],
    ['cuts the connection', 'reset', 'unreachable'],
    ['says nothing', 'hang', 'timeout'],
    ['answers in HTML', 'html', 'malformed'],
    ['answers in half of a JSON', 'truncated', 'malformed'],
  ])('go on to the next node when one %s', async (_what, fault, kind) => {
    const chain = await ready(pool([a, b, c]));
    a.fault = fault;
    expect(await chain.balances([SOMEONE], 'latest')).toEqual([7n]);
    expect(b.reads).toEqual(['eth_getBalance']);
    expect(chain.endpoints()[0]!.lastFailure).toBe(kind);
    a.release();
  });

  it('go on when a node has an error of its own, and stop at a revert, which all would give', async () => {
    const chain = await ready(pool([a, b]));
    a.says.set('eth_getBalance', () => ({ error: { code: -32603, message: 'internal error' } }));
    expect(await chain.balances([SOMEONE], 'latest')).toEqual([7n]);
    a.says.set('eth_call', () => ({ error: { code: 3, message: 'execution reverted' } }));
    await expect(chain.tokenDecimals(SOMEONE)).rejects.toThrow('execution reverted');
    expect(b.reads).toEqual(['eth_getBalance']);
  });

  it('at a height that a node has not reached are answered by one that has', async () => {
    const chain = await ready(pool([a, b]));
    b.head = 105;
    aheadMs += 11_000;
    await chain.header('latest');
    await expect.poll(() => chain.endpoints()[1]!.head).toBe(105);
    expect(await chain.header(103)).toMatchObject({ hash: b.hashAt(103) });
    const blocks = await chain.blocks(99, 105);
    expect(blocks.map((block) => block?.number)).toEqual([99, 100, 101, 102, 103, 104, 105]);
    a.says.set('eth_getBalance', () => ({ error: { code: -32000, message: 'header not found' } }));
    expect(await chain.balances([SOMEONE], 104)).toEqual([7n]);
    expect(stateOf(chain, 'a')).toBe('healthy');
  });

  it('at a height that nobody has reached are no block, by one request', async () => {
    const chain = await ready(pool([a, b]));
    await chain.header('latest');
    const before = a.asked.length + b.asked.length;
    expect(await chain.header(101)).toBeNull();
    expect(await chain.blocks(100, 101)).toEqual([expect.anything(), null]);
    expect(a.asked.length + b.asked.length - before).toBe(3);
  });

  it('leave a node alone that fails again and again, look after it later, and come back to it', async () => {
    const chain = await ready(pool([a, b]));
    a.fault = 500;
    for (let round = 0; round < 10; round += 1) await chain.balances([SOMEONE], 'latest');
    // Each time twice. Asked last from the second failure on, and not at all from the third.
    expect([a.reads.length, stateOf(chain, 'a')]).toEqual([4, 'degraded']);
    aheadMs += 11_000;
    await chain.balances([SOMEONE], 'latest');
    await expect.poll(() => stateOf(chain, 'a')).toBe('open');
    a.fault = null;
    const asked = a.asked.length;
    await chain.balances([SOMEONE], 'latest');
    expect(a.asked).toHaveLength(asked);
    // A back-off of a second at most, halved by the dice of this test.
    aheadMs += 600;
    await chain.balances([SOMEONE], 'latest');
    await expect.poll(() => stateOf(chain, 'a')).toBe('healthy');
    expect(a.asked.slice(asked)).toEqual(['eth_chainId']);
    await chain.balances([SOMEONE], 'latest');
    expect(a.reads).toHaveLength(5);
  });

  it('go to the next node while one has spent its calls', async () => {
    const chain = await ready(pool([a, b], [{ requestsPerSecond: 1, burst: 4 }]));
    for (let round = 0; round < 6; round += 1) await chain.balances([SOMEONE], 'latest');
    // Two of the four calls were the look at who it is.
    expect(a.reads).toHaveLength(2);
    expect(b.reads).toHaveLength(4);
  });

  it('prefer nodes that keep up', async () => {
    const chain = await ready(pool([a, b, c]));
    for (const node of [b, c]) node.head = 110;
    aheadMs += 11_000;
    await chain.balances([SOMEONE], 'latest');
    await expect.poll(() => stateOf(chain, 'a')).toBe('degraded');
    expect(chain.endpoints()[0]).toMatchObject({ head: 100, lag: 10 });
    expect((await chain.header('latest'))!.number).toBe(110);
  });

  it('fail with what every node said when none has an answer', async () => {
    const chain = await ready(pool([a, b]));
    a.fault = 'html';
    b.fault = 429;
    await expect(chain.balances([SOMEONE], 'latest')).rejects.toThrow(
      /HTTP 200 and no JSON-RPC; .*HTTP 429/,
    );
  });
});

describe('an endpoint of another chain', () => {
  it('is never used, is told, and is used once it is right', async () => {
    a.chainId = 1;
    const chain = pool([a, b]);
    expect(await chain.chainId()).toBe(OURS);
    await expect.poll(() => stateOf(chain, 'a')).toBe('wrong_chain');
    for (let round = 0; round < 5; round += 1) await chain.header('latest');
    expect(await classesOf(chain, 'aa')).toEqual(['accepted']);
    // It has no vote either: one of two is not enough.
    expect(await chain.agreed.header(100)).toBeNull();
    expect(a.asked).toEqual(['eth_chainId']);
    expect(a.sent).toEqual([]);
    const told = lines.filter((line) => line.includes('endpoint_wrong_chain'));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/"endpoint":"a".*"found":1/);
    a.chainId = OURS;
    aheadMs += 61_000;
    await chain.header('latest');
    await expect.poll(() => stateOf(chain, 'a')).toBe('healthy');
  });

  it('is found out while it is in use', async () => {
    const chain = await ready(pool([a, b]));
    a.chainId = 10;
    aheadMs += 11_000;
    await chain.header('latest');
    await expect.poll(() => stateOf(chain, 'a')).toBe('wrong_chain');
    expect(await classesOf(chain, 'aa')).toEqual(['accepted']);
    expect([a.sent, b.sent]).toEqual([[], ['0xaa']]);
  });
});

describe('sends', () => {
  it('go to every node that may send, and one that takes them is enough', async () => {
    const chain = await ready(pool([a, b, c], [{}, {}, { roles: ['read'] }]));
    a.says.set('eth_sendRawTransaction', () => ({
      error: { code: -32000, message: 'nonce too low' },
    }));
    expect(await classesOf(chain, 'aa', 'bb')).toEqual(['accepted', 'accepted']);
    expect([b.sent, c.sent]).toEqual([['0xaa', '0xbb'], []]);
    expect(stateOf(chain, 'a')).toBe('healthy');
  });

  it('go to private relays alone where there is one', async () => {
    const chain = await ready(pool([a, b], [{}, { roles: ['private'] }]));
    expect(await classesOf(chain, 'aa')).toEqual(['accepted']);
    expect([a.sent, b.sent]).toEqual([[], ['0xaa']]);
  });

  it('do not wait for a node that says nothing when another one took them', async () => {
    const chain = await ready(pool([a, b], [{ timeoutMs: { send: 60_000 } }]));
    a.fault = 'hang';
    expect(await classesOf(chain, 'aa')).toEqual(['accepted']);
    a.release();
  });

  it('are possibly sent when one node lost them and no other took them', async () => {
    const chain = await ready(pool([a, b]));
    a.fault = 'reset';
    b.says.set('eth_sendRawTransaction', () => ({
      error: { code: -32000, message: 'insufficient funds for gas * price + value' },
    }));
    expect(await classesOf(chain, 'aa')).toEqual(['unknown']);
    // Once the lost one is left alone, the other one's word counts.
    await classesOf(chain, 'aa');
    await classesOf(chain, 'aa');
    expect(stateOf(chain, 'a')).toBe('open');
    expect(await classesOf(chain, 'aa')).toEqual(['funds']);
    expect(stateOf(chain, 'b')).toBe('healthy');
  });

  it('lost one by one among others leave the node in use', async () => {
    const chain = await ready(pool([a]));
    a.says.set('eth_sendRawTransaction', ({ params }) => ({
      result:
        params[0] === '0xaa' ? null : keccak256(Buffer.from(String(params[0]).slice(2), 'hex')),
    }));
    for (let round = 0; round < 5; round += 1) {
      expect(await classesOf(chain, 'aa', 'bb')).toEqual(['unknown', 'accepted']);
    }
    expect(stateOf(chain, 'a')).toBe('healthy');
  });

  it('that come back with another hash are unknown, and the fault of the node', async () => {
    const chain = await ready(pool([a]));
    a.says.set('eth_sendRawTransaction', () => ({ result: `0x${'cd'.repeat(32)}` }));
    expect(await classesOf(chain, 'aa')).toEqual(['unknown']);
    expect(chain.endpoints()[0]!.lastFailure).toBe('malformed');
  });
});

describe('votes', () => {
  it('come back soon after an outage of most nodes, whatever their back-off', async () => {
    const chain = await ready(pool([a, b, c]));
    for (const node of [b, c]) node.fault = 503;
    for (let round = 0; round < 20; round += 1) {
      expect(await chain.agreed.header(98)).toBeNull();
      aheadMs += 1_000;
    }
    expect([stateOf(chain, 'b'), stateOf(chain, 'c')]).toEqual(['open', 'open']);
    for (const node of [b, c]) node.fault = null;
    const soon = async () => {
      aheadMs += 1_000;
      await chain.agreed.header(98);
      return stateOf(chain, 'b');
    };
    await expect.poll(soon).toBe('healthy');
    expect(await chain.agreed.header(98)).toMatchObject({ hash: a.hashAt(98) });
  });
});
