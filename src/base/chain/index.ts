/**
 * Owns the way to a chain's nodes: the port that every room asks, a JSON-RPC client, one node behind the
 * port, and the one table that turns a node's words about a send into our classes. Promises that an
 * answer is either well formed or Transient, that a send is never reported as refused when it may have
 * been taken, and that a node's URL, which may hold a key, is in no message. Holds no state that a
 * crash could lose: what was sent is known from the database, what happened from the chain.
 */
export { NodeChain } from './node.ts';
export type {
  Block,
  BlockHeader,
  ChainPort,
  FeeMarket,
  GasEstimate,
  Receipt,
  SendAnswer,
  Simulation,
  TransactionOnChain,
  TransferLog,
  TransferQuery,
} from './port.ts';
export { RpcClient } from './rpc.ts';
export { classifySendError, type SendClass } from './send-errors.ts';
