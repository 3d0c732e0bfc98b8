/**
 * Owns breaks: what a chain shows and the books can not explain by themselves, and what was decided about it.
 * Promises that a break is opened in the act that finds it, once for each kind and subject, and that what was
 * decided stays with its evidence and both persons. Moves no money: whoever resolves does, in the same
 * transaction. Writes happen in the caller's transaction, so a crash leaves both or neither.
 */
export {
  type Break,
  type BreakKind,
  insertAction,
  lockBreak,
  openBreaks,
  readActions,
  readBreaks,
  setResolved,
} from './breaks.ts';
