import secp256k1 from 'secp256k1';
import type { ChainPort } from '../../src/base/chain/index.ts';
import {
  signedTransaction,
  signingDigest,
  unsignedTransaction,
} from '../../src/base/effect/index.ts';
import { type Address, fromHex, type Hex } from '../../src/base/kernel/index.ts';

export const GWEI = 10n ** 9n;

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

type Signed = { hash: Hex; bytes: Buffer };
type Fields = {
  nonce: bigint;
  to: Address;
  value?: bigint;
  data?: Hex;
  gasLimit?: bigint;
  maxFeePerGas?: bigint;
  maxPriorityFeePerGas?: bigint;
  chainId?: number;
};

export const PAYEE: Address = `0x${'5a'.repeat(20)}`;

/** Signed bytes from the account of the key. */
export function sign(key: Hex, fields: Fields): Signed {
  const { nonce, to, value = 0n, data = '0x' } = fields;
  const unsigned = unsignedTransaction({
    chainId: fields.chainId ?? 31337,
    nonce,
    effect: { to, value, data },
    gasLimit: fields.gasLimit ?? 100_000n,
    maxFeePerGas: fields.maxFeePerGas ?? 10n * GWEI,
    maxPriorityFeePerGas: fields.maxPriorityFeePerGas ?? GWEI,
  });
  const { signature, recid } = secp256k1.ecdsaSign(signingDigest(unsigned), fromHex(key));
  const { raw, hash } = signedTransaction(unsigned, {
    r: Buffer.from(signature.subarray(0, 32)),
    s: Buffer.from(signature.subarray(32)),
    yParity: recid as 0 | 1,
  });
  return { hash, bytes: raw };
}

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
