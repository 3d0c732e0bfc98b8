import type { ChainPort } from '../../src/base/chain/index.ts';
import type { Address, Hex } from '../../src/base/kernel/index.ts';
import { type Fields, type Signed, sign } from '../support/sign.ts';

/**
 * One chain without automatic blocks, with a lane that has coins, 10,000,000 units of a token of 6 decimals,
 * and no transaction under way.
 */
export type ChainUnderTest = {
  chain: ChainPort;
  chainId: number;
  slotsInEpoch: number;
  /** Includes what the pool has, then this many blocks in all. */
  mine(blocks: number): Promise<void>;
  /** Evicts from the pool. */
  drop(hash: Hex): Promise<void>;
  /** Puts as many empty blocks in the place of the latest; their transactions vanish. */
  reorg(depth: number): Promise<void>;
  lane: Address;
  key: Hex;
  token: Address;
};

export const PAYEE: Address = `0x${'5a'.repeat(20)}`;

export const hashesOf = (raw: readonly Signed[]) => raw.map(({ hash }) => hash);

/** Begins a test of the suite. */
export type Begin = () => Promise<
  ChainUnderTest & {
    nonce: bigint;
    /** From the lane; `ahead` counts from its next nonce. */
    signed(fields?: Partial<Fields> & { ahead?: bigint }): Signed;
    classes(raw: readonly Signed[]): Promise<string[]>;
    latest(): Promise<NonNullable<Awaited<ReturnType<ChainPort['header']>>>>;
  }
>;

export function beginOn(start: () => ChainUnderTest): Begin {
  return async () => {
    const under = start();
    const { chain, lane, key } = under;
    const nonce = (await chain.transactionCounts([lane], 'latest'))[0]!;
    return {
      ...under,
      nonce,
      signed: (fields: Partial<Fields> & { ahead?: bigint } = {}) =>
        sign(key, { to: PAYEE, value: 1n, ...fields, nonce: nonce + (fields.ahead ?? 0n) }),
      classes: async (raw: readonly Signed[]) =>
        (await chain.send(raw)).map((answer) => answer.class),
      latest: async () => (await chain.header('latest'))!,
    };
  };
}
