import type { Hex } from '../kernel/index.ts';
import type { SendClass } from './index.ts';

/** The messages of JSON-RPC error answers to eth_sendRawTransaction, as clients give them. */
export const FIXTURES: Record<
  Exclude<SendClass, 'accepted'>,
  readonly [client: string, message: string][]
> = {
  nonce_used: [
    ['geth', 'nonce too low: next nonce 10, tx nonce 3'],
    ['geth, older', 'nonce too low'],
    ['anvil', 'nonce too low'],
    ['besu', 'Nonce too low'],
    ['moonbeam', 'nonce is too low'],
    ['parity', 'Transaction nonce is too low. Try incrementing the nonce.'],
    ['nethermind', 'OldNonce, Current nonce: 12, nonce of rejected tx: 5'],
    [
      'optimism',
      'nonce too low: address 0x1f9090aaE28b8a3dCeaDf281B0F12828e676c326 current nonce (7) > tx nonce (5)',
    ],
    ['neon', 'invalid transaction nonce'],
    ['evmos', 'invalid nonce; got 5, expected 7: invalid sequence: invalid sequence'],
    ['frontier', 'submit transaction to pool failed: Pool(Stale)'],
    ['erigon', 'nonce has already been used'],
    ['cosmos', 'incorrect account sequence'],
  ],
  gap: [
    ['anvil', 'nonce too high'],
    [
      'arbitrum',
      'nonce too high: address 0x1f9090aaE28b8a3dCeaDf281B0F12828e676c326, tx: 9 state: 3',
    ],
    ['zksync', 'nonce too high. allowed nonce range: 3 - 203, actual: 300'],
    ['besu', 'Transaction nonce is too distant from current sender nonce'],
    ['klaytn', 'nonce too far in the future'],
    ['sei', 'tx nonce 9 exceeds next nonce 4'],
    ['nethermind', 'NonceGap, Future nonce. Expected nonce: 4'],
    ['rootstock', 'nonce out of range'],
    ['hyperledger', 'tx-nonce-too-high'],
    ['geth', 'gapped nonce from delegated accounts'],
  ],
  already_known: [
    ['geth', 'already known'],
    ['geth, older', `known transaction: ${'ab'.repeat(32)}`],
    ['besu', 'Known transaction'],
    ['nethermind', 'AlreadyKnown'],
    ['parity', 'Transaction with the same hash was already imported.'],
    ['frontier', 'submit transaction to pool failed: Pool(AlreadyImported(Any { .. }))'],
    ['frontier, short', 'Pool(AlreadyImported)'],
    ['cosmos', 'tx already exists in cache'],
    ['filecoin', 'alreadyknown'],
    ['kaia', 'transaction already in pool'],
    ['besu private', `transaction 0x${'ab'.repeat(32)} is already in the system`],
    ['anvil', 'transaction already imported'],
  ],
  other_holds_nonce: [
    ['geth', 'replacement transaction underpriced'],
    ['geth, with numbers', 'replacement transaction underpriced: new tx gas fee cap 1 <= 2 queued'],
    ['erigon', 'could not replace existing tx'],
    [
      'parity',
      'Transaction gas price supplied is too low. There is another transaction with same nonce in the queue. Try increasing the gas price or incrementing the nonce.',
    ],
    ['avalanche', 'there is another tx which has the same nonce'],
    ['ethers proxy', 'replacement fee too low'],
    ['nethermind', 'OwnNonceAlreadyUsed'],
  ],
  underpriced: [
    ['geth', 'transaction underpriced'],
    ['geth, with numbers', 'transaction underpriced: tip needed 1000000000, tip permitted 1'],
    ['besu', 'Gas price below configured minimum gas price'],
    ['nethermind', 'FeeTooLow, MaxFeePerGas too low'],
    ['nethermind, full', 'FeeTooLowToCompete'],
    ['anvil', 'max fee per gas less than block base fee'],
    [
      'geth',
      'max fee per gas less than block base fee: address 0x1f9090aaE28b8a3dCeaDf281B0F12828e676c326, maxFeePerGas: 1, baseFee: 7',
    ],
    ['kaia', 'transaction gas price below minimum'],
    ['celo', 'gasprice is less than gas price minimum floor'],
    ['linea', 'gas price too low'],
    ['harmony', 'gas price less than block base fee'],
    ['metis', 'fee too low'],
  ],
  pool_full: [
    ['geth', 'txpool is full'],
    [
      'parity',
      'There are too many transactions in the queue. Your transaction was dropped due to limit.',
    ],
    ['arbitrum', 'queue full'],
    ['arbitrum', 'sequencer pending tx pool full'],
  ],
  funds: [
    [
      'geth',
      'insufficient funds for gas * price + value: balance 0, tx cost 21000, overshot 21000',
    ],
    ['geth', 'insufficient funds for transfer'],
    ['anvil', 'Insufficient funds for gas * price + value'],
    ['arbitrum', 'insufficient balance for transfer'],
    ['erigon', 'transaction would cause overdraft'],
    [
      'besu',
      'Upfront cost exceeds account balance (transaction up-front cost 0x1 exceeds transaction sender account balance 0x0)',
    ],
    ['nethermind', 'InsufficientFunds, Account balance: 0, cumulative cost: 21000'],
    ['zksync', 'not enough funds for gas + value. balance: 0, fee: 1, value: 1'],
    ['moonbeam', 'Signer had insufficient balance'],
    ['hedera', 'INSUFFICIENT_PAYER_BALANCE'],
    ['geth, estimate', 'gas required exceeds allowance (0)'],
  ],
  fee_cap: [
    ['geth', 'tx fee (1.05 ether) exceeds the configured cap (1.00 ether)'],
    ['besu', 'Transaction fee cap exceeded'],
    [
      'geth',
      'max priority fee per gas higher than max fee per gas: address 0x1f9090aaE28b8a3dCeaDf281B0F12828e676c326, maxPriorityFeePerGas: 2, maxFeePerGas: 1',
    ],
  ],
  refused: [
    ['geth', 'intrinsic gas too low: gas 20000, minimum needed 21000'],
    ['geth', 'exceeds block gas limit'],
    ['besu', 'Transaction gas limit exceeds block gas limit'],
    ['geth', 'oversized data: transaction size 131073, limit 131072'],
    ['geth', 'max initcode size exceeded: code size 49153 limit 49152'],
    ['geth', 'gas uint64 overflow'],
    ['geth', 'invalid sender'],
    ['erigon', 'invalid signature: nope'],
    ['geth', 'negative value'],
    ['geth', 'invalid chain id for signer: have 1 want 31337'],
    ['nethermind', 'SenderIsContract'],
    ['parity', 'Sender is banned in local queue.'],
    ['parity', 'Recipient is banned in local queue.'],
    ['arbitrum', 'execution reverted: invalid nonce'],
    ['zksync', 'execution reverted: nonce too low'],
    ['zksync', 'failed to validate the transaction. reason: Execution reverted: already known'],
  ],
  type_clash: [['geth', 'address already reserved']],
  unknown: [
    ['a proxy', 'context deadline exceeded'],
    ['a proxy', 'read tcp 10.0.0.1:443: i/o timeout'],
    ['a proxy', 'dial tcp: connect: network is unreachable'],
    ['a provider', 'Too Many Requests'],
    ['a provider', 'daily request count exceeded, request rate limited'],
    ['a node', 'Internal error'],
    ['a node', ''],
    ['a near miss', 'unknown transaction'],
    ['a near miss', 'Unknown transaction: 0x12'],
    ['a near miss', 'the nonce is fine'],
    ['a near miss', 'funds are sufficient'],
    ['a near miss', 'queued'],
    ['a near miss', 'revert to the previous block'],
  ],
};

/** The transaction that was sent, and another one. */
export const OWN: Hex = `0x${'ab'.repeat(32)}`;
export const OTHER: Hex = `0x${'cd'.repeat(32)}`;

const said = (code: number, message: string, data?: unknown) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code, message, ...(data ? { data } : {}) } });
const returned = (result: unknown) => JSON.stringify({ jsonrpc: '2.0', id: 1, result });

// Error(string) of "invalid nonce", as a contract reverts with it.
const REASON = `0x08c379a0${'20'.padStart(64, '0')}${'0d'.padStart(64, '0')}${'696e76616c6964206e6f6e6365'.padEnd(64, '0')}`;

type Answer = { client: string; status?: number; body: string; wanted: SendClass };

/**
 * Whole answers to one eth_sendRawTransaction of OWN with id 1 in a batch, as clients and what stands before them
 * give them: codes differ for one and the same thing, and near misses must not pass for what they resemble.
 */
export const ANSWERS: readonly Answer[] = [
  { client: 'geth', body: returned(OWN), wanted: 'accepted' },
  {
    client: 'an old server, with a null error',
    body: `{"id":1,"result":"${OWN}","error":null}`,
    wanted: 'accepted',
  },
  {
    client: 'geth',
    body: said(-32000, 'nonce too low: next nonce 10, tx nonce 3'),
    wanted: 'nonce_used',
  },
  { client: 'anvil', body: said(-32003, 'nonce too low'), wanted: 'nonce_used' },
  { client: 'besu', status: 400, body: said(-32001, 'Nonce too low'), wanted: 'nonce_used' },
  {
    client: 'nethermind',
    body: said(-32010, 'OldNonce, Current nonce: 12, nonce of rejected tx: 5'),
    wanted: 'nonce_used',
  },
  {
    client: 'ethermint',
    body: said(-32000, 'invalid nonce; got 5, expected 7: invalid sequence: invalid sequence'),
    wanted: 'nonce_used',
  },
  {
    client: 'a wrapper with the words in data',
    body: said(-32603, 'Internal JSON-RPC error.', 'nonce too low'),
    wanted: 'nonce_used',
  },
  { client: 'geth', body: said(-32000, 'already known'), wanted: 'already_known' },
  {
    client: 'erigon',
    body: said(-32000, 'ALREADY_EXISTS: already known'),
    wanted: 'already_known',
  },
  { client: 'anvil', body: said(-32003, 'transaction already imported'), wanted: 'already_known' },
  {
    client: 'openethereum',
    body: said(-32010, 'Transaction with the same hash was already imported.'),
    wanted: 'already_known',
  },
  { client: 'old geth', body: said(-32000, `known transaction: ${OWN}`), wanted: 'already_known' },
  {
    client: 'geth',
    body: said(-32000, 'replacement transaction underpriced'),
    wanted: 'other_holds_nonce',
  },
  {
    client: 'geth',
    body: said(-32000, 'insufficient funds for gas * price + value: balance 0, tx cost 21000'),
    wanted: 'funds',
  },
  {
    client: 'besu',
    body: said(-32004, 'Upfront cost exceeds account balance'),
    wanted: 'funds',
  },
  // Near misses of "known": nobody has our bytes for certain.
  { client: 'near miss', body: said(-32000, 'unknown transaction'), wanted: 'unknown' },
  { client: 'near miss', body: said(-32000, `unknown transaction: ${OWN}`), wanted: 'unknown' },
  { client: 'near miss', body: said(-32000, `known transaction: ${OTHER}`), wanted: 'unknown' },
  { client: 'near miss', body: said(-32000, `${OTHER} already known`), wanted: 'unknown' },
  { client: 'near miss', body: returned(OTHER), wanted: 'unknown' },
  { client: 'near miss', body: returned(OWN.slice(0, -2)), wanted: 'unknown' },
  { client: 'near miss', body: returned(null), wanted: 'unknown' },
  { client: 'near miss', body: returned({ hash: OWN }), wanted: 'unknown' },
  // Near misses of a used nonce: words of a contract, not of the pool.
  {
    client: 'arbitrum',
    body: said(3, 'execution reverted: invalid nonce', REASON),
    wanted: 'refused',
  },
  {
    client: 'a wrapper with the reason in data',
    body: said(-32603, 'execution reverted', 'nonce too low'),
    wanted: 'refused',
  },
  {
    client: 'a wrapper with the revert in data',
    body: said(-32603, 'already known to fail', 'execution reverted: invalid nonce'),
    wanted: 'refused',
  },
  // Nobody's word about the transaction.
  { client: 'near miss', body: '{"jsonrpc":"2.0","id":1,"error":{}}', wanted: 'unknown' },
  { client: 'near miss', body: '{"jsonrpc":"2.0","id":1}', wanted: 'unknown' },
  { client: 'near miss', body: returned(OWN).replace('"id":1', '"id":2'), wanted: 'unknown' },
  { client: 'near miss', body: `${returned(OWN)},${returned(OWN)}`, wanted: 'unknown' },
  {
    client: 'a wrapper with an object in data, which is not read',
    body: said(-32603, 'Internal JSON-RPC error.', { code: -32000, message: 'already known' }),
    wanted: 'unknown',
  },
  {
    client: 'a provider at its limit',
    status: 429,
    body: said(-32005, 'daily request count exceeded, request rate limited'),
    wanted: 'unknown',
  },
  {
    client: 'a gateway that quotes a node',
    status: 503,
    body: said(-32011, 'no backends available: nonce too low'),
    wanted: 'unknown',
  },
  {
    client: 'a gateway that quotes a refusal',
    status: 502,
    body: said(-32000, 'execution reverted'),
    wanted: 'unknown',
  },
];
