import { type Effect, effectOf, fillerOf } from '../../src/base/effect/index.ts';
import type { Address, Hex } from '../../src/base/kernel/index.ts';
import { PUBLIC_DEVELOPMENT_KEYS } from '../../src/doors/dev/index.ts';
import { sign } from '../support/sign.ts';
import { recipient } from '../support/steps/payments.ts';
import type { Road } from '../support/steps/road.ts';
import { TOKEN } from '../support/steps/surroundings.ts';

const GWEI = 10n ** 9n;
/** Whom nobody named. */
export const THIEF: Address = `0x${'ee'.repeat(20)}`;
/** What somebody else gives to a recipient of ours, in base units; no request is of so little. */
export const GIFT = 3n;

export type ForeignUse = {
  /** From 0, as the settings have them. */
  lane: number;
  /** From the lowest nonce that the chain has not consumed: before our slots, between or after them. */
  ahead: number;
  /** `payee`: something of the asset of the request of this number, to its recipient. */
  what: 'coin' | 'token' | 'nothing' | { payee: number };
  /** Left to the pool; in the next block; or in the last one of a branch that takes so many blocks back. */
  by: 'pool' | 'block' | { reorg: number };
};

/** Somebody else who has the lanes' keys, and what became of what they sent. */
export class Stranger {
  readonly #road: Road;
  readonly #sent: Hex[] = [];

  constructor(road: Road) {
    this.#road = road;
  }

  get sent(): boolean {
    return this.#sent.length > 0;
  }

  /** How many stand in the chain. */
  get standing(): number {
    return this.#sent.filter((hash) => this.#road.chain.receipt(hash) !== undefined).length;
  }

  /** Bids more than any of ours, so that it takes the place of one that waits. */
  use({ lane, ahead, what, by }: ForeignUse, assetOf: (n: number) => 'USDC' | 'ETH'): void {
    const { chain, settings } = this.#road;
    // A chain that stands still can not make up for the blocks of another branch.
    if (typeof by === 'object' && !chain.stalled) {
      chain.reorg(by.reorg, { transactions: 'none', blocks: by.reorg - 1, toPool: true });
    }
    const from = settings.lanes[lane]!.address;
    const { hash, bytes } = sign(PUBLIC_DEVELOPMENT_KEYS[lane + 1]!, {
      nonce: chain.world.nonce(from, chain.height) + BigInt(ahead),
      ...effectFrom(from, what, assetOf),
      maxFeePerGas: 200n * GWEI,
      maxPriorityFeePerGas: 100n * GWEI,
    });
    if (chain.take(bytes).refusal === null) this.#sent.push(hash);
    if (by !== 'pool') chain.mine(1);
  }

  /** What of it stands in the chain is known, told once, and adopted by a person in the end. */
  async breaks(): Promise<string[]> {
    if (!this.sent) return [];
    const { chain, owner } = this.#road;
    const { rows } = await owner.query<{ hash: Hex; told: bigint; adopted: boolean }>({
      name: 'what a stranger did',
      text: `SELECT '0x' || encode(f.tx_hash, 'hex') AS hash, f.adopted_at IS NOT NULL AS adopted,
          (SELECT count(*) FROM event e WHERE e.type = 'lane.foreign_nonce' AND e.data ->> 'txHash' = '0x' || encode(f.tx_hash, 'hex')
            AND (e.data ->> 'blockNumber')::bigint = f.block_number) AS told
        FROM foreign_inclusion f
        JOIN block b ON b.chain_id = f.chain_id AND b.height = f.block_number AND b.hash = f.block_hash`,
    });
    const known = new Map(rows.map((row) => [row.hash, row]));
    return this.#sent.flatMap((hash) => {
      const stands = chain.receipt(hash) !== undefined;
      const row = known.get(hash);
      if (!stands) return row === undefined ? [] : [`${hash} is not there, and is in the books`];
      if (row === undefined) return [`${hash} is not ours, and nobody was told`];
      return [
        ...(row.told > 0n ? [] : [`${hash} is not ours, and there is no event of it`]),
        ...(row.adopted ? [] : [`${hash} is not ours, and its lane goes on without a person`]),
      ];
    });
  }
}

function effectFrom(
  lane: Address,
  what: ForeignUse['what'],
  assetOf: (n: number) => 'USDC' | 'ETH',
): Effect {
  if (typeof what === 'object') {
    const token = assetOf(what.payee) === 'ETH' ? null : TOKEN;
    return effectOf({ token, recipient: recipient(what.payee), amount: GIFT });
  }
  switch (what) {
    case 'coin':
      return effectOf({ token: null, recipient: THIEF, amount: 10n ** 18n });
    case 'token':
      return effectOf({ token: TOKEN, recipient: THIEF, amount: 7_000_000n });
    case 'nothing':
      return fillerOf(lane);
  }
}
