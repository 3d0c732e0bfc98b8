/**
 * The read-only door of the room: how far transactions have come. Changes nothing.
 */
export { type AttemptRow, levelOf, ownersOf, readProgress, type TxProgress } from './view.ts';
