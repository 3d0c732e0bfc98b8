/**
 * The read-only door of the room: how far transactions have come. Changes nothing.
 */
export { ownersOf, readProgress, type TxProgress } from './view.ts';
