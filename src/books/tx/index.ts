/**
 * Owns transactions on chain as rows: lanes, nonce slots, signature requests, signatures taken in,
 * attempts, inclusions, canonical blocks and heads. Promises: one slot per tx and per (chain, from,
 * nonce); bytes are stored before they are sent; canonical and final are derived from heads, never from
 * a row's own status. Never names its owners: progress is told as jobs `<owner_kind>.settle` and `.final`.
 * Writes happen in the caller's transaction, so a crash leaves a step whole or undone.
 */
export {
  collectSignatures,
  enqueueResends,
  readSendable,
  recordSends,
  type SendableAttempt,
} from './attempts.ts';
export {
  finishResume,
  type HeadRow,
  haltChain,
  leaseChain,
  lockHeads,
  orderResume,
  readBlockHashes,
  readHeads,
  readLowestBlock,
  readResume,
  readSettled,
  releaseChains,
  type Settled,
  startChain,
} from './heads.ts';
export {
  type Crossing,
  insertBlocks,
  insertInclusions,
  lowerProgress,
  matchAttempts,
  moveHead,
  type NewInclusion,
  type Orphan,
  type OwnAttempt,
  readCrossings,
  readOrphans,
  rewind,
  setFinalProgress,
  setProgress,
} from './inclusions.ts';
export {
  advanceLanes,
  type LaneRow,
  leaseLanes,
  lockLanes,
  pauseLanes,
  readLanes,
  registerLane,
  releaseLanes,
  resumeLanes,
} from './lanes.ts';
export { type NewTx, openTxs } from './open.ts';
export { readTxs, readTxsOfOwners, type TxRow } from './rows.ts';
export {
  insertSlotGas,
  insertSlots,
  type NewSlot,
  orderFillers,
  readSlotGas,
  requestGas,
  type SlotGas,
  setWaiting,
} from './slots.ts';
export { stopUnclaimed } from './stop.ts';
export {
  finalTopic,
  laneOfSubject,
  laneSubject,
  orphanedTopic,
  settleTopic,
  TX_TOPICS,
  WAKE_COLLECT,
} from './topics.ts';
