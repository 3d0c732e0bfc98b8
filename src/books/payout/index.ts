/**
 * Owns orders to pay out that one road gives to the withdrawals' road, which it may not call: whose account, what, to
 * whom. Promises: one withdrawal for each order, since its key is made of the order's id; the owner is told
 * once how it ended, and only when no reorg above finality can change that. Written in the owner's
 * transaction with the job that hands it over, so a crash leaves both or neither.
 */
export {
  endPayouts,
  notePayouts,
  orderPayouts,
  type PayoutEnd,
  type PayoutOrder,
  readPayouts,
} from './orders.ts';
export { PAYOUT_TOPICS, payoutEndedTopic } from './topics.ts';
