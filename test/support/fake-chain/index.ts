/**
 * An EVM chain in this process, for simulation: `new FakeChain({ seed, tokens })` is the chain with its pool and
 * its controls, `new FakeNode(chain, { faultOf })` a node of it behind the ChainPort. It reads the real signed
 * bytes and keeps coins, tokens, nonces, blocks linked by parent hashes, receipts and Transfer logs. Nothing
 * happens by itself, no timer and no clock but the one that is passed in: the same seed and the same calls give
 * the same hashes.
 * Controls of the chain: give, mine, drop, revive, reorg, stall/resume, revertNext, setBaseFee,
 * world.refusing (accounts that can not be paid); of a node: failNext, faultOf, lag, deliverLate.
 * It is held to what anvil does by the suite test/conformance/chain-port.ts.
 */
export { FakeChain } from './fake-chain.ts';
export { FakeNode } from './fake-node.ts';
export type { FakeChainOptions, Fault } from './types.ts';
