import type { ChainPort } from '../port.ts';

export type ReadName = Exclude<keyof ChainPort, 'chainId' | 'send'>;
type Arguments<Name extends ReadName> = Parameters<ChainPort[Name]>;
type Answer<Name extends ReadName> = Awaited<ReturnType<ChainPort[Name]>>;

/**
 * `height`: the block that an endpoint must have to answer. `lacks`: the answer shows that this endpoint does not
 * know what another may: it is no answer while there is one that has come so far.
 */
export type ReadRule<Name extends ReadName> = {
  height?(args: Arguments<Name>): number | null;
  lacks?(answer: Answer<Name>, args: Arguments<Name>): boolean;
};

const numeric = (block: unknown) => (typeof block === 'number' ? block : null);

/** Every read of the port; one that is added there needs its line here. */
export const READS: { readonly [Name in ReadName]: ReadRule<Name> } = {
  header: {
    height: ([tag]) => numeric(tag),
    // There are chains without the other tags.
    lacks: (header, [tag]) => header === null && typeof tag === 'number',
  },
  blocks: { height: ([, to]) => to, lacks: (blocks) => blocks.includes(null) },
  receipts: {},
  // Logs of a block that an endpoint does not have are no answer; it is not asked then.
  transfers: { height: ([query]) => query.toBlock },
  blockTransactions: { height: ([height]) => height, lacks: (block) => block === null },
  transactionsByHash: {},
  transactionCounts: { height: ([, block]) => numeric(block) },
  balances: { height: ([, block]) => numeric(block) },
  tokenBalances: { height: ([, , block]) => numeric(block) },
  tokenDecimals: {},
  code: { height: ([, block]) => numeric(block) },
  feeMarket: {},
  // Why a call failed only an estimate tells, which is asked for next.
  simulate: {},
  passes: {},
  estimateGas: {
    // What the node would not say another may.
    lacks: (estimates) => estimates.some((estimate) => !estimate.ok && estimate.kind === 'node'),
  },
};
