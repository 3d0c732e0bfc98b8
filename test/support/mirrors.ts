import { classifySendError } from '../../src/base/chain/index.ts';
import { type Hex, systemClock } from '../../src/base/kernel/index.ts';
import { startTestAnvil, type TestAnvil } from './anvil.ts';
import { type Answer, type Call, deliverTo, RpcFaultProxy } from './rpc-fault-proxy.ts';
import type { Heads } from './rpc-lies.ts';

type MirrorsOptions = {
  /** Default 3. */
  count?: number;
  /** Of the proxies' faults; each proxy has one of its own, drawn from it. */
  seed: number;
  slotsInEpoch?: number;
};

type Mirror = { anvil: TestAnvil; proxy: RpcFaultProxy };

const SEND = 'eth_sendRawTransaction';
/** What would change one mirror and leave the others as they are. */
const OF_ALL = /^(eth_sendTransaction$|evm_|anvil_|hardhat_)/;
/** Of 200 sends in one batch anvil takes some 85 in another order, of 50 none; and their order is part of the chain. */
const SENDS_AT_ONCE = 50;

/**
 * Several nodes with one chain, each behind a proxy that can fail and lie. A transaction may be sent to any of them.
 * Blocks are made of everything that some node took, in the same order on all nodes and at the same time, so that
 * their hashes are equal; that is checked for every block. A node that is to be away or behind is so by its proxy:
 * behind it all of them go on.
 */
export class Mirrors {
  readonly #mirrors: Mirror[] = [];
  /** Sent, taken by some node and not mined yet, in the order in which they were taken. */
  readonly #pool = new Map<Hex, Hex>();
  #timestamp: number;
  #last: Promise<unknown> = Promise.resolve();
  #mining: { on: boolean; ended: Promise<void> } | null = null;

  private constructor(timestamp: number) {
    this.#timestamp = timestamp;
  }

  static async start({ count = 3, seed, slotsInEpoch = 4 }: MirrorsOptions): Promise<Mirrors> {
    const timestamp = seconds();
    const mirrors = new Mirrors(timestamp);
    for (let index = 0; index < count; index += 1) {
      const anvil = await startTestAnvil({ noMining: true, slotsInEpoch, timestamp });
      const deliver = (calls: readonly Call[]) => mirrors.#deliver(anvil.url, calls);
      const proxy = await RpcFaultProxy.start(deliver, { seed: seed + index });
      mirrors.#mirrors.push({ anvil, proxy });
    }
    return mirrors;
  }

  /** Of the proxies. */
  get urls(): string[] {
    return this.#mirrors.map(({ proxy }) => proxy.url);
  }

  proxy(index: number): RpcFaultProxy {
    return this.#mirrors[index]!.proxy;
  }

  /** The node itself, past its proxy: for looking, since what is changed there parts it from the others. */
  anvil(index: number): TestAnvil {
    return this.#mirrors[index]!.anvil;
  }

  /** All of them as the one node of an installation: it sends by way of the first proxy, and is changed as a whole. */
  get node(): TestAnvil {
    return {
      ...this.anvil(0),
      url: this.urls[0]!,
      rpc: async <Result>(method: string, ...params: unknown[]) =>
        OF_ALL.test(method)
          ? (await this.all<Result>(method, ...params))[0]!
          : this.anvil(0).rpc<Result>(method, ...params),
      mine: async (blocks = 1) => {
        for (let made = 0; made < blocks; made += 1) await this.mine();
      },
      hold: () => this.stopMining(),
      resume: () => this.startMining(200),
      stop: () => this.stop(),
    };
  }

  /** Where the tags stand in truth. */
  async heads(): Promise<Heads> {
    const { anvil } = this.#mirrors[0]!;
    const height = async (tag: keyof Heads) =>
      Number((await anvil.rpc<{ number: Hex }>('eth_getBlockByNumber', tag, false)).number);
    return this.#inTurn(async () => ({
      latest: await height('latest'),
      safe: await height('safe'),
      finalized: await height('finalized'),
    }));
  }

  /** One call to every node, between two blocks: setting a balance, a reorg. Every node's result. */
  async all<Result>(method: string, ...params: unknown[]): Promise<Result[]> {
    return this.#inTurn(() =>
      Promise.all(this.#mirrors.map(({ anvil }) => anvil.rpc<Result>(method, ...params))),
    );
  }

  /** One block on every node. Throws when their hashes differ, as after a change of one node alone. */
  async mine(): Promise<Hex> {
    return this.#inTurn(async () => {
      this.#timestamp = Math.max(this.#timestamp + 1, seconds());
      const sent = [...this.#pool];
      const made = await Promise.all(
        this.#mirrors.map(({ anvil }) => mineOn(anvil, sent, this.#timestamp)),
      );
      const [first] = made;
      if (made.some(({ hash }) => hash !== first!.hash)) {
        throw new Error(`the mirrors have parted: ${made.map(({ hash }) => hash).join(', ')}`);
      }
      for (const hash of [...first!.transactions, ...first!.overtaken]) this.#pool.delete(hash);
      return first!.hash;
    });
  }

  /** A block about every so many milliseconds until stopMining or stop, which throw what went wrong with one. */
  startMining(everyMs: number): void {
    const mining = { on: true, ended: Promise.resolve() };
    mining.ended = (async () => {
      while (mining.on) {
        const begun = systemClock.monotonic();
        await this.mine();
        await systemClock.sleep(Math.max(0, begun + everyMs - systemClock.monotonic()));
      }
    })();
    // Thrown where it is waited for.
    mining.ended.catch(() => {});
    this.#mining = mining;
  }

  async stopMining(): Promise<void> {
    const mining = this.#mining;
    this.#mining = null;
    if (mining === null) return;
    mining.on = false;
    await mining.ended;
  }

  async stop(): Promise<void> {
    try {
      await this.stopMining();
    } finally {
      for (const { anvil, proxy } of this.#mirrors) {
        await proxy.stop();
        await anvil.stop();
      }
    }
  }

  async #deliver(url: string, calls: readonly Call[]): Promise<Answer[]> {
    const refused = calls.filter(({ method }) => OF_ALL.test(method));
    if (refused.length > 0) {
      return calls.map(({ id }) => ({
        id,
        error: { code: -32601, message: `${refused[0]!.method}: of all mirrors or of none` },
      }));
    }
    const deliver = deliverTo(url);
    if (!calls.some(({ method }) => method === SEND)) return deliver(calls);
    return this.#inTurn(async () => {
      const answers = await deliver(calls);
      const results = new Map(answers.map(({ id, result }) => [id, result]));
      for (const { id, method, params } of calls) {
        const hash = results.get(id);
        if (method === SEND && typeof hash === 'string') {
          this.#pool.set(hash as Hex, params![0] as Hex);
        }
      }
      return answers;
    });
  }

  /** One after the other: a block is made while nothing is sent. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

/**
 * Every node had its own transactions in its own order: it forgets them and is given all, in one order. `overtaken`
 * are those whose nonce is used by now; what is refused for another reason is tried again at the next block.
 */
async function mineOn(
  anvil: TestAnvil,
  sent: readonly (readonly [hash: Hex, raw: Hex])[],
  timestamp: number,
): Promise<{ hash: Hex; transactions: Hex[]; overtaken: Hex[] }> {
  await anvil.rpc('anvil_dropAllTransactions');
  const overtaken: Hex[] = [];
  for (let start = 0; start < sent.length; start += SENDS_AT_ONCE) {
    const some = sent.slice(start, start + SENDS_AT_ONCE);
    const answers = await deliverTo(anvil.url)(
      some.map(([, raw], id) => ({ jsonrpc: '2.0', id, method: SEND, params: [raw] })),
    );
    for (const { id, error } of answers as (Answer & { error?: { message: string } })[]) {
      const used = error !== undefined && classifySendError(error.message) === 'nonce_used';
      if (used) overtaken.push(some[id as number]![0]);
    }
  }
  await anvil.rpc('evm_mine', { timestamp });
  const block = await anvil.rpc<{ hash: Hex; transactions: Hex[] }>(
    'eth_getBlockByNumber',
    'latest',
    false,
  );
  return { hash: block.hash, transactions: block.transactions, overtaken };
}

function seconds(): number {
  return Math.floor(systemClock.now() / 1_000);
}
