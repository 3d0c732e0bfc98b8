import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { privateKeyToAddress } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GWEI, sign } from '../../../../test/conformance/chain-under-test.ts';
import { MirroredAnvils } from '../../../../test/support/mirrored-anvils.ts';
import type { EndpointRole } from '../../config/index.ts';
import { type Address, type Hex, silentLog, systemClock } from '../../kernel/index.ts';
import { type ChainPool, NodeChain, openChainPool } from '../index.ts';

// Public development key: account 1 of the "test … junk" mnemonic.
const KEY: Hex = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d';
const LANE = privateKeyToAddress(KEY).toLowerCase() as Address;
const PAYEE: Address = `0x${'5a'.repeat(20)}`;

type Spoil = (method: string, result: Record<string, unknown>) => unknown;

/** In front of a node: changes results as told, or hangs up. */
class Liar {
  spoil: Spoil | 'hang up' | null = null;
  readonly #server: Server;

  private constructor(target: string) {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', async () => {
        if (this.spoil === 'hang up') return response.destroy();
        const body = Buffer.concat(chunks).toString();
        const asked = [JSON.parse(body)].flat() as { id: number; method: string }[];
        const headers = { 'content-type': 'application/json' };
        const answer = await (await fetch(target, { method: 'POST', headers, body })).json();
        for (const one of [answer].flat() as { id: number; result: Record<string, unknown> }[]) {
          const { method } = asked.find(({ id }) => id === one.id)!;
          if (this.spoil !== null) one.result = this.spoil(method, one.result) as never;
        }
        return response.end(JSON.stringify(answer));
      });
    });
  }

  static async start(target: string): Promise<Liar> {
    const liar = new Liar(target);
    await new Promise<void>((resolve) => liar.#server.listen(0, '127.0.0.1', resolve));
    return liar;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let anvils: MirroredAnvils;
let liar: Liar;
let chain: ChainPool;
let token: Address;
let block: number;
let hashes: Hex[];

function pool(quorum: number | null, roles: EndpointRole[][] = []): ChainPool {
  const urls = [...anvils.urls.slice(0, 2), liar.url];
  return openChainPool({
    chain: {
      id: 'local',
      chainId: 31337,
      rpc: urls.map((url, index) => ({
        url,
        name: ['one', 'two', 'liar'][index]!,
        roles: roles[index] ?? ['read', 'send'],
      })),
      ...(quorum === null ? {} : { quorum }),
    },
    clock: systemClock,
    log: silentLog,
  });
}

beforeAll(async () => {
  anvils = await MirroredAnvils.start(3, { slotsInEpoch: 4 });
  liar = await Liar.start(anvils.urls[2]!);
  token = await anvils.deployToken(LANE);
  chain = pool(null);
  const data: Hex = `0xa9059cbb${PAYEE.slice(2).padStart(64, '0')}${'7'.padStart(64, '0')}`;
  const raw = [
    sign(KEY, { nonce: 0n, to: token, data, maxFeePerGas: 20n * GWEI }),
    sign(KEY, { nonce: 1n, to: PAYEE, value: 5n, maxFeePerGas: 20n * GWEI }),
  ];
  // Each node has them before a block is asked for.
  for (const url of anvils.urls) await new NodeChain({ url }).send(raw);
  hashes = raw.map(({ hash }) => hash);
  await anvils.mine(12);
  block = (await chain.receipts(hashes))[0]!.blockNumber;
});
afterEach(() => {
  liar.spoil = null;
});
afterAll(() => liar.stop());

const said = <Value>(votes: readonly { endpoint: string; value: Value | null }[]) =>
  Object.fromEntries(votes.map(({ endpoint, value }) => [endpoint, value]));

describe('what three nodes agree on', () => {
  it('is what all of them show when none lies', async () => {
    const heads = await chain.agreedHeads();
    const latest = (await chain.header('latest'))!.number;
    expect(heads.latest.agreed).toBe(latest);
    expect(heads.safe.agreed).toBe(latest - 4);
    expect(heads.finalized.agreed).toBe(latest - 8);
    const [at, beyond] = await chain.agreedBlockHashes([block, latest + 1]);
    expect(at).toMatchObject({ agreed: (await chain.header(block))!.hash, disputed: false });
    expect(beyond).toMatchObject({ agreed: null, disputed: false });
    const [paid, plain, none] = await chain.agreedReceipts([...hashes, `0x${'11'.repeat(32)}`]);
    const expected = { status: 'success', blockNumber: block, blockHash: at!.agreed };
    expect(paid!.agreed).toMatchObject(expected);
    expect(plain!.agreed).toMatchObject(expected);
    expect(paid!.agreed!.logsDigest).not.toBe(plain!.agreed!.logsDigest);
    expect(none).toMatchObject({ agreed: null, disputed: false });
    const range = { tokens: [token], from: [LANE], fromBlock: block, toBlock: block };
    const logs = await chain.agreedTransferLogs(range);
    expect(logs.agreed).toMatchObject({ count: 1, blockHash: at!.agreed });
    const empty = await chain.agreedTransferLogs({ ...range, from: [PAYEE] });
    expect(empty.agreed).toMatchObject({ count: 0 });
  });

  it.each<[string, Spoil, () => Promise<{ disputed: boolean; agreed: unknown; votes: unknown[] }>]>(
    [
      [
        'a block of another hash',
        (method, result) =>
          method === 'eth_getBlockByNumber' ? { ...result, hash: `0x${'ee'.repeat(32)}` } : result,
        async () => (await chain.agreedBlockHashes([block]))[0]!,
      ],
      [
        'a receipt that says reverted',
        (method, result) =>
          method === 'eth_getTransactionReceipt' ? { ...result, status: '0x0' } : result,
        async () => (await chain.agreedReceipts(hashes))[0]!,
      ],
      [
        'a receipt without its log',
        (method, result) =>
          method === 'eth_getTransactionReceipt' ? { ...result, logs: [] } : result,
        async () => (await chain.agreedReceipts(hashes))[0]!,
      ],
      [
        'a range without its log',
        (method, result) => (method === 'eth_getLogs' ? [] : result),
        () =>
          chain.agreedTransferLogs({
            tokens: [token],
            from: [LANE],
            fromBlock: block,
            toBlock: block,
          }),
      ],
    ],
  )('stands against one that shows %s, and is disputed', async (_what, spoil, ask) => {
    liar.spoil = spoil;
    const agreement = await ask();
    expect(agreement.disputed).toBe(true);
    expect(agreement.agreed).not.toBeNull();
    expect(agreement.votes).toHaveLength(3);
    const { liar: lie, one } = said(agreement.votes as never);
    expect(agreement.agreed).toEqual(one);
    expect(lie).not.toEqual(one);
  });

  it('is not raised by a node that fakes its tags', async () => {
    const truth = await chain.agreedHeads();
    liar.spoil = (method, result) =>
      method === 'eth_getBlockByNumber' ? { ...result, number: '0xffff' } : result;
    const heads = await chain.agreedHeads();
    for (const tag of ['latest', 'safe', 'finalized'] as const) {
      expect(heads[tag].agreed).toBe(truth[tag].agreed);
      expect(said(heads[tag].votes)['liar']).toBe(0xffff);
    }
  });

  it('holds while one of them is gone, and is nothing when all are needed', async () => {
    const strict = pool(3);
    await strict.agreedHeads();
    liar.spoil = 'hang up';
    const [enough] = await chain.agreedBlockHashes([block]);
    expect(enough!.agreed).not.toBeNull();
    expect(enough!.votes[2]).toMatchObject({ endpoint: 'liar', value: null });
    expect(enough!.votes[2]!.error).not.toBeNull();
    const [all] = await strict.agreedBlockHashes([block]);
    expect(all).toMatchObject({ agreed: null, disputed: false });
  });

  it('is asked of the nodes with the role quorum alone where there is one', async () => {
    const two = pool(null, [['read', 'send'], ['read', 'quorum'], ['quorum']]);
    const [agreement] = await two.agreedBlockHashes([block]);
    expect(Object.keys(said(agreement!.votes))).toEqual(['two', 'liar']);
    expect(agreement!.agreed).not.toBeNull();
  });

  it('is no word of a node that is behind', async () => {
    await anvils.mine(2, anvils.nodes.slice(0, 2));
    const latest = (await chain.header('latest'))!.number;
    const range = { tokens: [token], from: [LANE], fromBlock: block, toBlock: latest };
    const logs = await chain.agreedTransferLogs(range);
    expect(logs).toMatchObject({ agreed: { count: 1 }, disputed: false });
    expect(said(logs.votes)['liar']).toBeNull();
    expect((await chain.agreedHeads()).latest.agreed).toBe(latest);
  });

  it('is nothing where two chains stand against each other', async () => {
    await anvils.nodes[1]!.rpc('anvil_reorg', 1, []);
    const latest = (await chain.header('latest'))!.number;
    expect((await chain.agreedBlockHashes([latest]))[0]).toMatchObject({
      agreed: null,
      disputed: true,
    });
  });
});
