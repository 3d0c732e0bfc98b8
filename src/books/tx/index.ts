/**
 * Owns transactions on chain as rows: lanes, nonce slots, signature requests, signatures taken in,
 * attempts, inclusions, canonical blocks and heads. Promises: one slot per tx and per (chain, from,
 * nonce); bytes are stored before they are sent; canonical and final are derived from heads, never from
 * a row's own status. Never names its owners: progress is told as jobs `<owner_kind>.settle` and `.final`.
 * Writes happen in the caller's transaction, so a crash leaves a step whole or undone.
 */

export { type GapFees, openFillers } from './adoption/fillers.ts';
export {
  type ForeignUse,
  insertForeign,
  type MissingNonce,
  readForeignOrphans,
  readMissingNonces,
  readUsedLanes,
  recountForeign,
  type SlotIntent,
} from './adoption/foreign.ts';
export {
  endForeignPayment,
  endReplaced,
  FOREIGN_PAYMENT,
  readForeignPayment,
  readForeignPayments,
  replacedBy,
  type UsedSlot,
} from './adoption/foreign-end.ts';
export { type LaneUse, readLaneUse, reopenLane } from './adoption/use.ts';
export {
  collectSignatures,
  enqueueResends,
  readSendable,
  recordSends,
  type SendableAttempt,
} from './attempts.ts';
export {
  insertArrivals,
  type NewArrival,
  type OpenArrival,
  readOpenArrivals,
  setArrivalsBooked,
} from './funds/arrivals.ts';
export { endExpectations, expectArrivals, setExpectedBooked } from './funds/expected.ts';
export {
  type BookedStretch,
  insertAdoptedStretch,
  insertAdoption,
  insertStretches,
  type OpenStretch,
  readOpenStretches,
  readStretchTransactions,
  requestGas,
} from './funds/stretches.ts';
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
  moveHead,
  type NewInclusion,
  type Orphan,
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
  type PauseReason,
  pauseLanes,
  readLanes,
  registerLane,
  releaseLanes,
  resumeLanes,
} from './lanes.ts';
export { matchAttempts, type OwnAttempt } from './match/attempts.ts';
export { type NewTx, openTxs } from './open.ts';
export { readBids, readPassedOver, type SlotBids } from './replace/bids.ts';
export { closeSlotOf } from './replace/close.ts';
export { orderReplacements, type Replacement } from './replace/order.ts';
export { dropWishes, insertWish } from './replace/wishes.ts';
export { isPaidByForeign, leavesLane, readTxs, readTxsOfOwners, type TxRow } from './rows.ts';
export {
  insertSlots,
  type NewSlot,
  setWaiting,
} from './slots.ts';
export { stopUnclaimed } from './stop.ts';
export {
  decideAgainTopic,
  finalTopic,
  laneOfSubject,
  laneSubject,
  orphanedTopic,
  settleTopic,
  TX_TOPICS,
  WAKE_COLLECT,
  WAKE_HEADS,
  WAKE_REPLACE,
} from './topics.ts';
export { decideTxsAgain } from './unslotted/decide-again.ts';
export { refuseUnslotted } from './unslotted/refuse.ts';
export {
  askSigner,
  type DryVerdict,
  othersRule,
  readVerdicts,
} from './unslotted/verdicts.ts';
