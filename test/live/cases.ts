import type { SendClass } from '../../src/base/chain/index.ts';
import type { Hex } from '../../src/base/kernel/index.ts';
import { PAYEE } from '../conformance/chain-under-test.ts';
import { GWEI, sign } from '../support/sign.ts';
import { CONTRACT, LANE, type NodeName } from './nodes.ts';

type Signed = { hash: Hex; bytes: Buffer };
type Fields = Partial<Parameters<typeof sign>[1]>;

/** One send; `words` stand in the node's answer, and null means that this node takes the transaction. */
type Case = {
  what: string;
  sent: Signed;
  class: SendClass;
  words: Record<NodeName, string | null>;
};

const FEES = { maxFeePerGas: 100n * GWEI, maxPriorityFeePerGas: 2n * GWEI };

/** A plain transfer unless said otherwise. */
function transfer(nonce: bigint, fields: Fields = {}, key = LANE.key): Signed {
  return sign(key, { nonce, to: PAYEE, value: 1n, gasLimit: 21_000n, ...FEES, ...fields });
}

/** Another payment on the nonce of WAITING, at this many thousandths of its fees. */
function instead(value: bigint, thousandths: bigint): Signed {
  return transfer(1n, {
    value,
    maxFeePerGas: (FEES.maxFeePerGas * thousandths) / 1_000n,
    maxPriorityFeePerGas: (FEES.maxPriorityFeePerGas * thousandths) / 1_000n,
  });
}

/** The lane's first, in a block before the cases begin. */
export const MINED = transfer(0n);
const WAITING = transfer(1n);
/** What a bump of ours sends; it has to replace WAITING on every node. */
export const BUMPED = instead(4n, 1_125n);
const UNSENT = transfer(2n);
export const OF_CONTRACT = transfer(0n, {}, CONTRACT.key);

const TAKEN = { anvil: null, hardhat: null, ethereumjs: null };
const OLD = {
  anvil: 'nonce too low',
  hardhat: 'Transaction nonce too low. Expected nonce to be at least 1 but got 0.',
  ethereumjs: 'tries to send a tx with nonce 0, but account has nonce 1 (tx nonce too low)',
};
const OUTBID = {
  anvil: 'replacement transaction underpriced',
  hardhat:
    'Replacement transaction underpriced. A gasPrice/maxFeePerGas of at least 110000000000 is necessary',
  ethereumjs: 'replacement gas too low, got tip',
};

/** What is said of a node that answers with another hash. */
export const ANSWERED_WITH = 'the node answered with ';

/**
 * In this order, on one node. What a node refuses is sent on nonce 2, so that nothing comes of it; what one of them
 * takes though another refuses it stands behind that gap and is never mined either.
 */
export const CASES: readonly Case[] = [
  { what: 'the same bytes after they were mined', sent: MINED, class: 'nonce_used', words: OLD },
  {
    what: 'another transaction of a mined nonce',
    sent: transfer(0n, { value: 2n }),
    class: 'nonce_used',
    words: OLD,
  },
  { what: 'the next nonce', sent: WAITING, class: 'accepted', words: TAKEN },
  {
    what: 'the same bytes while they wait',
    sent: WAITING,
    class: 'already_known',
    words: {
      anvil: 'transaction already imported',
      hardhat: `Known transaction: ${WAITING.hash}`,
      ethereumjs: `${WAITING.hash}: this transaction is already in the TxPool`,
    },
  },
  {
    what: 'another transaction of a waiting nonce for the same fees',
    sent: instead(2n, 1_000n),
    class: 'other_holds_nonce',
    words: OUTBID,
  },
  {
    what: 'one that doubles the tip alone',
    sent: transfer(1n, { maxPriorityFeePerGas: 4n * GWEI }),
    class: 'other_holds_nonce',
    words: OUTBID,
  },
  {
    what: 'one for 5 % more',
    sent: instead(3n, 1_050n),
    class: 'other_holds_nonce',
    words: { ...OUTBID, anvil: null },
  },
  { what: 'one for 12.5 % more', sent: BUMPED, class: 'accepted', words: TAKEN },
  {
    what: 'the one that it replaced',
    sent: WAITING,
    class: 'other_holds_nonce',
    words: { ...OUTBID, hardhat: 'Replacement transaction underpriced' },
  },
  {
    what: 'a tip above the maximum fee',
    sent: transfer(2n, { maxFeePerGas: 10n * GWEI, maxPriorityFeePerGas: 11n * GWEI }),
    class: 'fee_cap',
    words: {
      anvil: 'max priority fee per gas higher than max fee per gas',
      hardhat: 'maxPriorityFeePerGas (11000000000) is bigger than maxFeePerGas (10000000000)',
      ethereumjs: 'maxFeePerGas cannot be less than maxPriorityFeePerGas',
    },
  },
  {
    what: 'more than the lane has',
    sent: transfer(2n, { value: 10n ** 30n }),
    class: 'funds',
    words: {
      anvil: 'Insufficient funds for gas * price + value',
      hardhat: "Sender doesn't have enough funds to send tx. The max upfront cost is:",
      ethereumjs: 'does not have enough balance to cover transaction costs, need',
    },
  },
  {
    what: "a gas limit above the block's",
    sent: transfer(2n, { gasLimit: 10n ** 10n, maxFeePerGas: 2n * GWEI }),
    class: 'refused',
    words: {
      anvil: 'intrinsic gas too high -- tx.gas_limit > env.block.gas_limit',
      hardhat: 'Transaction gas limit is 10000000000 and exceeds transaction gas cap of 16777216',
      ethereumjs: 'exceeds block gas limit of 30000000',
    },
  },
  {
    what: 'the bytes of another chain',
    sent: transfer(2n, { chainId: 1 }),
    class: 'refused',
    words: {
      anvil: 'invalid chain id for signer',
      hardhat: 'Trying to send a raw transaction with an invalid chainId',
      ethereumjs: 'not matching the derived chain ID 1',
    },
  },
  {
    what: 'bytes cut short',
    sent: { hash: UNSENT.hash, bytes: UNSENT.bytes.subarray(0, -1) },
    class: 'unknown',
    words: {
      anvil: 'Failed to decode transaction',
      hardhat: 'input too short',
      ethereumjs: 'could not be parsed (invalid RLP: total length is larger than the data)',
    },
  },
  { what: 'a nonce behind a gap', sent: transfer(3n), class: 'gap', words: TAKEN },
  {
    what: 'bytes whose hash is another than the one computed',
    sent: { hash: UNSENT.hash, bytes: transfer(4n).bytes },
    class: 'unknown',
    words: answeredWith(transfer(4n).hash),
  },
  {
    what: 'less gas than any transaction costs',
    sent: transfer(5n, { gasLimit: 20_000n }),
    class: 'refused',
    words: {
      anvil: 'intrinsic gas too low',
      hardhat: 'Transaction requires at least 21000 gas but got 20000',
      ethereumjs: null,
    },
  },
  {
    what: 'a maximum fee below the base fee',
    sent: transfer(6n, { maxFeePerGas: 1n, maxPriorityFeePerGas: 1n }),
    class: 'underpriced',
    words: { ...TAKEN, anvil: 'max fee per gas less than block base fee' },
  },
  {
    what: 'a gas limit above what Osaka allows to one transaction',
    sent: transfer(7n, { gasLimit: 20_000_000n }),
    class: 'refused',
    words: { ...TAKEN, hardhat: 'exceeds transaction gas cap of 16777216' },
  },
  {
    what: 'a sender that is a contract',
    // Mined as well: these nodes do not look. Others say SenderIsContract or "sender not an eoa".
    sent: OF_CONTRACT,
    class: 'refused',
    words: TAKEN,
  },
];

function answeredWith(hash: Hex): Case['words'] {
  const words = `${ANSWERED_WITH}${hash}`;
  return { anvil: words, hardhat: words, ethereumjs: words };
}
