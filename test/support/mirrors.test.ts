import { privateKeyToAddress } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NodeChain } from '../../src/base/chain/index.ts';
import { type Address, type Hex, Transient } from '../../src/base/kernel/index.ts';
import {
  deployToken,
  fundLane,
  PUBLIC_DEVELOPMENT_KEYS,
  rpcCall,
} from '../../src/doors/dev/index.ts';
import { PAYEE } from '../conformance/chain-under-test.ts';
import { Mirrors } from './mirrors.ts';
import type { RpcFault, RpcRule } from './rpc-fault-proxy.ts';
import {
  flippedReceipts,
  forgedLogs,
  forkedAt,
  hastyTags,
  staleAt,
  wrongChainId,
} from './rpc-lies.ts';
import { randomOf, seedOf } from './seed.ts';
import { GWEI, sign } from './sign.ts';
import { until } from './until.ts';

const SEED = seedOf('mirrors');
const KEYS = PUBLIC_DEVELOPMENT_KEYS.slice(1, 5);
const LANE = privateKeyToAddress(KEYS[0]!).toLowerCase() as Address;
const SEND = 'eth_sendRawTransaction';

let mirrors: Mirrors;
let chains: NodeChain[];
let nonces: bigint[];

beforeAll(async () => {
  mirrors = await Mirrors.start({ count: 3, seed: SEED });
  chains = mirrors.urls.map((url) => new NodeChain({ url }));
  nonces = KEYS.map(() => 0n);
});
afterEach(() => {
  for (const index of chains.keys()) mirrors.proxy(index).rule([]);
});
afterAll(() => mirrors?.stop());

/** A payment on the next nonce of a lane. */
function payment(lane: number) {
  const nonce = nonces[lane]!;
  nonces[lane] = nonce + 1n;
  return sign(KEYS[lane]!, { nonce, to: PAYEE, value: 1n, gasLimit: 21_000n });
}

describe('mirrors', () => {
  it('make the same blocks of 300 transactions, each sent to one of them while they mine', async () => {
    const random = randomOf(SEED);
    mirrors.startMining(50);
    const hashes: Hex[] = [];
    while (hashes.length < 300) {
      const size = Math.min(1 + random.below(20), 300 - hashes.length);
      const some = Array.from({ length: size }, () => payment(random.below(KEYS.length)));
      hashes.push(...some.map(({ hash }) => hash));
      // A mirror may hear of the nonces before these by the next block only: until then there is a gap.
      const answers = await chains[random.below(3)]!.send(some);
      expect(new Set(answers.map((answer) => answer.class))).toEqual(new Set(['accepted']));
    }
    await until('every receipt', async () => (await chains[0]!.receipts(hashes)).every(Boolean));
    await mirrors.stopMining();
    const { latest } = await mirrors.heads();
    const [first, ...others] = await Promise.all(chains.map((chain) => chain.blocks(0, latest)));
    expect(others).toEqual([first, first]);
    expect(first!.flatMap((block) => block!.transactions).toSorted()).toEqual(hashes.toSorted());
    const [receipts, ...same] = await Promise.all(chains.map((chain) => chain.receipts(hashes)));
    expect(same).toEqual([receipts, receipts]);
    expect(await chains[2]!.balances([PAYEE], 'latest')).toEqual([300n]);
  });

  it('agree on the dearer of two transactions of a nonce, whichever of them came first', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const nonce = nonces[0]!;
      const raw = [10n, 20n].map((gwei) =>
        sign(KEYS[0]!, { nonce, to: PAYEE, maxFeePerGas: gwei * GWEI }),
      );
      nonces[0] = nonce + 1n;
      for (const [mirror, which] of order.entries()) await chains[mirror]!.send([raw[which]!]);
      await mirrors.mine();
      for (const chain of chains) {
        const receipts = await chain.receipts(raw.map(({ hash }) => hash));
        expect(receipts.map(Boolean)).toEqual([false, true]);
      }
    }
  });

  it('go back together and on together', async () => {
    const raw = payment(1);
    await chains[1]!.send([raw]);
    const { latest } = await mirrors.heads();
    const orphaned = await mirrors.mine();
    await mirrors.mine();
    await mirrors.all('anvil_reorg', 2, []);
    await mirrors.mine();
    const [first, ...others] = await Promise.all(
      chains.map((chain) => chain.blocks(0, latest + 3)),
    );
    expect(others).toEqual([first, first]);
    expect(first!.at(latest + 1)!.hash).not.toBe(orphaned);
    expect(await chains[0]!.receipts([raw.hash])).toEqual([null]);
    for (const chain of chains) await chain.send([raw]);
    await mirrors.mine();
    expect(await chains[2]!.receipts([raw.hash])).toMatchObject([{ blockNumber: latest + 4 }]);
  });

  it('refuse what would change one of them alone, do it on all, and say when they have parted', async () => {
    const change = ['anvil_setBalance', [PAYEE, '0x5']] as const;
    await expect(rpcCall(mirrors.urls[1]!, ...change)).rejects.toThrow('of all mirrors or of none');
    expect(await mirrors.all(change[0], ...change[1])).toEqual([null, null, null]);
    for (const chain of chains) expect(await chain.balances([PAYEE], 'latest')).toEqual([5n]);
    await mirrors.mine();
    const apart = await Mirrors.start({ count: 2, seed: SEED });
    await apart.anvil(1).rpc('anvil_setBalance', PAYEE, '0x5');
    apart.startMining(10);
    await expect(apart.mine()).rejects.toThrow('have parted');
    await expect(apart.stop()).rejects.toThrow('have parted');
  });
});

describe('a mirror that fails by its proxy', () => {
  it.each<RpcFault>([
    { kind: 'status', status: 429 },
    { kind: 'status', status: 503 },
    { kind: 'silence' },
    { kind: 'drop' },
    { kind: 'truncate' },
  ])('answers nobody under %j, and has every block when it is back', async (fault) => {
    mirrors.proxy(1).rule([{ method: '*', probability: 1, fault }]);
    const chain = new NodeChain({ url: mirrors.urls[1]!, timeoutMs: 200 });
    await expect(chain.header('latest')).rejects.toThrow(Transient);
    const hash = await mirrors.mine();
    expect(await chains[0]!.header('latest')).toMatchObject({ hash });
    mirrors.proxy(1).rule([]);
    expect(await chains[1]!.header('latest')).toMatchObject({ hash });
  });

  it('loses the answer to a send, which is mined on all of them', async () => {
    const raw = payment(2);
    mirrors.proxy(2).failNext(SEND, { kind: 'lose_answer' });
    expect(await chains[2]!.send([raw])).toMatchObject([{ class: 'unknown' }]);
    await mirrors.mine();
    for (const chain of chains) {
      expect(await chain.receipts([raw.hash])).toMatchObject([{ status: 'success' }]);
    }
  });
});

describe('a mirror that lies by its proxy', () => {
  type Log = { transactionHash: Hex; blockHash: Hex; data: Hex };
  /** The transaction that minted tokens for the lane, and its height. */
  let minted: { hash: Hex; height: number };

  const logsAt = (mirror: number) =>
    rpcCall<Log[]>(mirrors.urls[mirror]!, 'eth_getLogs', [{ fromBlock: '0x0', toBlock: 'latest' }]);

  beforeAll(async () => {
    mirrors.startMining(20);
    await deployToken(mirrors.urls[0]!);
    await fundLane(mirrors.urls[0]!, LANE, { nativeWei: 0n, tokenAmount: 1_000n });
    await until('the minted tokens', async () => (await logsAt(0)).length > 0);
    await mirrors.stopMining();
    const hash = (await logsAt(0)).at(-1)!.transactionHash;
    const [receipt] = await chains[0]!.receipts([hash]);
    minted = { hash, height: receipt!.blockNumber };
    for (let block = 0; block < 10; block += 1) await mirrors.mine();
  });

  /** The third mirror's word under these rules, beside the first one's. */
  async function words<T>(
    rules: readonly RpcRule[],
    ask: (chain: NodeChain, mirror: number) => Promise<T>,
  ): Promise<{ truth: T; lie: T }> {
    mirrors.proxy(2).rule(rules);
    const [truth, lie] = [await ask(chains[0]!, 0), await ask(chains[2]!, 2)];
    mirrors.proxy(2).rule([]);
    expect(await ask(chains[2]!, 2)).toEqual(truth);
    return { truth, lie };
  }

  it('of what a transaction came to', async () => {
    const { truth, lie } = await words(flippedReceipts(), async (chain) => {
      return (await chain.receipts([minted.hash]))[0]!;
    });
    expect(truth.status).toBe('success');
    expect(lie).toEqual({ ...truth, status: 'reverted' });
  });

  it('of what was transferred, by receipts and by logs', async () => {
    const { truth, lie } = await words(forgedLogs(), async (chain, mirror) => [
      (await chain.receipts([minted.hash]))[0]!.logs[0]!.data,
      (await logsAt(mirror)).at(-1)!.data,
    ]);
    expect(truth.map(BigInt)).toEqual([1_000n, 1_000n]);
    expect(lie.map(BigInt)).toEqual([1_001n, 1_001n]);
  });

  it('of what is safe and final', async () => {
    const { truth, lie } = await words(hastyTags(), async (chain) => {
      const tags = ['latest', 'safe', 'finalized'] as const;
      return Promise.all(tags.map(async (tag) => (await chain.header(tag))!.number));
    });
    const [latest, safe, finalized] = truth;
    expect([latest! - safe!, latest! - finalized!]).toEqual([4, 8]);
    expect(lie).toEqual([latest, latest, latest]);
  });

  it('of its chain', async () => {
    const { truth, lie } = await words(wrongChainId(1), (chain) => chain.chainId());
    expect([truth, lie]).toEqual([31337, 1]);
  });

  it('of the newest blocks, as if it had stood still', async () => {
    const heads = await mirrors.heads();
    const raw = payment(0);
    await chains[0]!.send([raw]);
    await mirrors.mine();
    await mirrors.mine();
    const { truth, lie } = await words(staleAt(heads), async (chain, mirror) => ({
      heads: await Promise.all(
        (['latest', 'safe', 'finalized'] as const).map(
          async (tag) => (await chain.header(tag))!.number,
        ),
      ),
      blocks: (await chain.blocks(heads.latest, heads.latest + 1)).map(Boolean),
      receipts: (await chain.receipts([minted.hash, raw.hash])).map(Boolean),
      mined: (await chain.transactionsByHash([raw.hash]))[0]!.blockNumber,
      nonce: await chain.transactionCounts([LANE], 'latest'),
      height: await rpcCall<Hex>(mirrors.urls[mirror]!, 'eth_blockNumber', []),
    }));
    expect(truth).toMatchObject({ blocks: [true, true], receipts: [true, true] });
    expect(truth.mined).toBe(heads.latest + 1);
    expect(lie).toEqual({
      heads: [heads.latest, heads.safe, heads.finalized],
      blocks: [true, false],
      receipts: [true, false],
      mined: null,
      nonce: [truth.nonce[0]! - 1n],
      height: `0x${heads.latest.toString(16)}`,
    });
  });

  it('of the chain from some block on, with hashes that are linked', async () => {
    const from = minted.height;
    const { truth, lie } = await words(forkedAt(from), async (chain, mirror) => ({
      blocks: await chain.blocks(from - 1, from + 2),
      receipt: (await chain.receipts([minted.hash]))[0]!.blockHash,
      log: (await logsAt(mirror)).at(-1)!.blockHash,
    }));
    const [before, first, second, third] = lie.blocks;
    expect(before).toEqual(truth.blocks[0]);
    expect(first!.parentHash).toBe(before!.hash);
    expect([second!.parentHash, third!.parentHash]).toEqual([first!.hash, second!.hash]);
    for (const at of [1, 2, 3]) expect(lie.blocks[at]!.hash).not.toBe(truth.blocks[at]!.hash);
    expect([lie.receipt, lie.log]).toEqual([first!.hash, first!.hash]);
    expect([truth.receipt, truth.log]).toEqual([truth.blocks[1]!.hash, truth.blocks[1]!.hash]);
  });
});
