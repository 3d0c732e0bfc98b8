import type { Hex } from '../kernel/index.ts';
import type { SendClass } from './index.ts';

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
