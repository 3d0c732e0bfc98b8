/**
 * Owns the way to a chain's nodes: the port that every room asks, a JSON-RPC client, one node or a pool of
 * them behind the port, and the one table that turns a node's words about a send into our classes. Promises
 * that an answer is either well formed or Transient, that a send is never reported as refused when it may
 * have been taken, that an endpoint of another chain is never used, and that a URL, which may hold a key,
 * is in no message. Holds no state that a crash could lose: what was sent is known from the database, what
 * happened from the chain; `rpc_endpoint` only tells how the endpoints do.
 */
export { NodeChain } from './node.ts';
export { agreedReads, type Dispute } from './pool/agreed.ts';
export { type ChainPool, openChainPool } from './pool/chain-pool.ts';
export { EndpointReport } from './pool/report.ts';
export { type EndpointRow, readEndpoints } from './pool/rows.ts';
export type {
  Block,
  BlockHeader,
  ChainPort,
  FeeMarket,
  GasEstimate,
  OpenCall,
  Receipt,
  SendAnswer,
  Simulation,
  TransactionOnChain,
  TransferLog,
  TransferQuery,
} from './port.ts';
export { RpcClient } from './rpc.ts';
export { classifySendError, type SendClass } from './send-errors.ts';
