import type { Hex } from '../kernel/index.ts';

/**
 * What a node's answer to eth_sendRawTransaction means:
 * accepted, already_known: it has these very bytes · nonce_used: look up all own hashes, never a new
 * nonce on this alone · gap: hold, keep the slot · other_holds_nonce: look up, then bump ·
 * underpriced: bump · pool_full: back off · funds: pause the lane · fee_cap: tell the operator ·
 * refused: stop sending the effect, close the slot by its filler · type_clash: blob against normal
 * transactions · unknown: possibly sent, send the same bytes again.
 */
export type SendClass =
  | 'accepted'
  | 'already_known'
  | 'nonce_used'
  | 'gap'
  | 'other_holds_nonce'
  | 'underpriced'
  | 'pool_full'
  | 'funds'
  | 'fee_cap'
  | 'refused'
  | 'type_clash'
  | 'unknown';

type Rule = {
  class: Exclude<SendClass, 'accepted' | 'unknown'>;
  texts: readonly (string | RegExp)[];
};

/**
 * First match wins. Texts, because codes differ between clients and versions (-32000, -32003, -32603,
 * -32010 for one and the same thing). The order is part of the table:
 * - what is refused for good comes before nonce strings, since a revert reason may quote one;
 * - "replacement transaction underpriced" comes before "transaction underpriced";
 * - "nonce too high" and its kin come before the general "invalid nonce".
 * A string matches anywhere, without regard to case.
 */
const RULES: readonly Rule[] = [
  {
    class: 'refused',
    texts: [
      'execution reverted',
      'intrinsic gas too low',
      'intrinsic gas too high',
      'insufficient gas for floor data gas cost',
      /transaction requires at least \d+ gas/i,
      'exceeds block gas limit',
      'exceeds the block gas limit',
      'exceeds transaction gas cap',
      'transaction gas limit too high',
      /transaction gas limit \([^)]*\) is greater than the cap/i,
      'oversized data',
      'exceeds the max data size',
      'max initcode size exceeded',
      'gas uint64 overflow',
      'invalid sender',
      'invalid signature',
      'negative value',
      'invalid chain id for signer',
      'with an invalid chainId',
      'not matching the derived chain ID',
      'SenderIsContract',
      'sender not an eoa',
      'senders with deployed code',
      'Recipient is banned',
      'Sender is banned',
    ],
  },
  { class: 'type_clash', texts: ['address already reserved'] },
  {
    class: 'fee_cap',
    texts: [
      /tx fee \([^)]*\) exceeds the configured cap/i,
      'Transaction fee cap exceeded',
      'max priority fee per gas higher than max fee per gas',
      'is bigger than maxFeePerGas',
      'maxFeePerGas cannot be less than maxPriorityFeePerGas',
      'priority fee is greater than max fee',
    ],
  },
  {
    class: 'other_holds_nonce',
    texts: [
      'replacement transaction underpriced',
      'could not replace existing tx',
      'There is another transaction with same nonce in the queue',
      'there is another tx which has the same nonce',
      'replacement fee too low',
      'replacement gas too low',
      // Nethermind says this of the same bytes and of other bytes alike: only a look-up tells.
      'OwnNonceAlreadyUsed',
    ],
  },
  {
    class: 'already_known',
    texts: [
      'already known',
      'alreadyknown',
      /(?<![a-z])known transaction/i,
      'Transaction with the same hash was already imported',
      'transaction already imported',
      'Pool(AlreadyImported',
      'tx already exists in cache',
      'transaction already in pool',
      'already in the TxPool',
      'is already in the system',
    ],
  },
  {
    class: 'gap',
    texts: [
      'nonce too high',
      'nonce too far in the future',
      'nonce is too distant from current sender nonce',
      'exceeds next nonce',
      'NonceGap',
      'nonce out of range',
      'tx-nonce-too-high',
      'gapped nonce',
      'gapped-nonce',
    ],
  },
  {
    class: 'nonce_used',
    texts: [
      'nonce too low',
      'nonce is too low',
      'OldNonce',
      'invalid transaction nonce',
      'invalid nonce',
      'Pool(Stale)',
      'nonce has already been used',
      'incorrect account sequence',
    ],
  },
  {
    class: 'funds',
    texts: [
      'insufficient funds for',
      'InsufficientFunds',
      'insufficient balance for transfer',
      'transaction would cause overdraft',
      'Upfront cost exceeds account balance',
      'not enough funds for gas',
      "doesn't have enough funds",
      'does not have enough balance to cover transaction costs',
      'lack of funds (',
      'Signer had insufficient balance',
      'INSUFFICIENT_PAYER_BALANCE',
      'gas required exceeds allowance',
    ],
  },
  {
    class: 'pool_full',
    texts: [
      'pool is full',
      'There are too many transactions in the queue',
      'queue full',
      'sequencer pending tx pool full',
      'already have max amount of txs',
      'in-flight transaction limit reached',
    ],
  },
  {
    class: 'underpriced',
    texts: [
      'transaction underpriced',
      'transaction gas price below minimum',
      'gas price too low',
      'max fee per gas less than block base fee',
      'Gas price below configured minimum gas price',
      'FeeTooLow',
      'gasprice is less than gas price minimum floor',
      'gas price less than block base fee',
      'gas price is less than basefee',
      'is too low for the next block, which has a baseFeePerGas',
      'cannot pay basefee of',
      'does not pay the minimum gas price',
      'fee too low',
    ],
  },
];

/**
 * The class of a node's error text; `unknown` for what no rule names. With the local hash given, a
 * text that calls some other hash known is `unknown` as well: it is no word about our bytes.
 */
export function classifySendError(text: string, localHash?: Hex): Exclude<SendClass, 'accepted'> {
  const lower = text.toLowerCase();
  for (const rule of RULES) {
    const hit = rule.texts.some((wanted) =>
      typeof wanted === 'string' ? lower.includes(wanted.toLowerCase()) : wanted.test(text),
    );
    if (!hit) continue;
    if (rule.class === 'already_known' && namesAnotherHash(lower, localHash)) return 'unknown';
    return rule.class;
  }
  return 'unknown';
}

function namesAnotherHash(lower: string, localHash: Hex | undefined): boolean {
  if (localHash === undefined) return false;
  const named: string[] = lower.match(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g) ?? [];
  return named.length > 0 && !named.includes(localHash.slice(2));
}
