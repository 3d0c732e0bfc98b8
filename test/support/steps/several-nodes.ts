import { agreedReads, type ChainPort } from '../../../src/base/chain/index.ts';
import { type Hex, systemClock, Transient } from '../../../src/base/kernel/index.ts';
import { type FakeChain, FakeNode } from '../fake-chain/index.ts';

/** What one node of several does: the others are honest then. */
export type Lie =
  | { kind: 'forges' | 'hurries' | 'away' | 'honest' }
  | { kind: 'forks'; above: number }
  | { kind: 'lags'; blocks: number };

const FORGED: Hex = `0x${'ee'.repeat(32)}`;

/**
 * Two more nodes beside one: what ends is told of by two of the three. The first is asked for all else and may go
 * wrong as it is told to; one of the two others may lie.
 */
export class SeveralNodes {
  readonly #first: () => FakeNode;
  #others: FakeNode[] = [];
  #liar: { index: number; lie: Lie } = { index: 0, lie: { kind: 'honest' } };

  constructor(first: () => FakeNode) {
    this.#first = first;
  }

  /** Both honest, of this chain. */
  reset(chain: FakeChain): void {
    this.#others = [new FakeNode(chain), new FakeNode(chain)];
    this.#liar = { index: 0, lie: { kind: 'honest' } };
  }

  /** One of the two others; the other one becomes honest. */
  lie(index: 0 | 1, lie: Lie): void {
    for (const node of this.#others) node.lag(0);
    if (lie.kind === 'lags') this.#others[index]!.lag(lie.blocks);
    this.#liar = { index, lie };
  }

  portFrom(reads: ChainPort, needed: number): ChainPort {
    const nodes = [
      () => this.#first() as ChainPort,
      () => this.#told(0),
      () => this.#told(1),
    ] as const;
    return agreedReads({
      reads,
      voters: nodes.map((node, index) => ({
        name: `n${index}`,
        ask: (question) => question(node()),
      })),
      needed,
      clock: systemClock,
      graceMs: 0,
      disputed: () => {},
      agreedWith: () => {},
    });
  }

  #told(index: number): ChainPort {
    const node = this.#others[index]!;
    return this.#liar.index === index ? lying(node, this.#liar.lie) : node;
  }
}

/** The node's words, changed as the lie has it. */
function lying(node: FakeNode, lie: Lie): ChainPort {
  const words = liesOf(node, lie);
  return new Proxy(node as ChainPort, {
    get: (target, name) => {
      if (lie.kind === 'away') return () => Promise.reject(new Transient('connection refused'));
      const own = (words as Record<string | symbol, unknown>)[name];
      if (own !== undefined) return own;
      return (Reflect.get(target, name) as (...args: unknown[]) => unknown).bind(target);
    },
  });
}

function liesOf(node: FakeNode, lie: Lie): Partial<ChainPort> {
  switch (lie.kind) {
    case 'forges':
      return {
        receipts: async (hashes) =>
          (await node.receipts(hashes)).map((receipt) =>
            receipt === null
              ? null
              : { ...receipt, status: receipt.status === 'success' ? 'reverted' : 'success' },
          ),
        transfers: async (query) =>
          (await node.transfers(query)).map((log) => ({ ...log, data: FORGED })),
        balances: async (...asked) => (await node.balances(...asked)).map((held) => held + 1n),
      };
    case 'hurries':
      return { header: (tag) => node.header(typeof tag === 'number' ? tag : 'latest') };
    case 'forks':
      return {
        header: async (tag) => {
          const header = await node.header(tag);
          return header !== null && header.number > lie.above
            ? { ...header, hash: FORGED }
            : header;
        },
        blocks: async (from, to) =>
          (await node.blocks(from, to)).map((block) =>
            block !== null && block.number > lie.above
              ? { ...block, hash: FORGED, transactions: [] }
              : block,
          ),
      };
    default:
      return {};
  }
}
