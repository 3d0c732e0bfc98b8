/**
 * Owns policy: documents and their versions, evaluation, the windows of limits with what decisions took from
 * them, and decisions, used once (the consuming row is unique). Promises that every rule is judged and a deny
 * wins, that no window is ever above its limit whatever runs beside it, and that what a decision took is
 * given back once, in the act that ends its subject. Without a document the asset's tiers of the configuration
 * are the policy. Reading and evaluation are pure; a crash leaves a transaction undone and nothing taken.
 */
export { activate, activateDue } from './change/activate.ts';
export {
  insertDraft,
  lockChange,
  lockEffective,
  moveChange,
  type PolicyChange,
  readChange,
  readChanges,
  readDocument,
} from './change/changes.ts';
export { classify, type PolicyDiff } from './change/classify.ts';
export { checkRuledChains, strangeChains } from './change/names.ts';
export { readSuperseded, readSupersededDecisions } from './change/superseded.ts';
export { decideBatch, decideBatchAgain, previewDecisions, windowsAsked } from './decide.ts';
export {
  insertDecisions,
  type NewDecision,
  readCommitLevels,
  readScreeningInputs,
} from './decisions.ts';
export { readPolicyBody } from './document/body.ts';
export { canonicalPolicy, policyOfCanonical, policyVersion } from './document/canonical.ts';
export type { PolicyWorld } from './document/match.ts';
export { policyWorld, readPolicy, tellPolicyFault } from './document/read.ts';
export { policySchema } from './document/schema.ts';
export type { Policy } from './document/types.ts';
export { type CompiledPolicy, compilePolicy } from './evaluate/compile.ts';
export { denied, evaluateTiers, tierOf } from './evaluate/configured.ts';
export type { PolicyDecision, PolicySubject, ScreeningInputs } from './evaluate/subject.ts';
export { answerHold, closeHolds, openHolds } from './holds/answer.ts';
export { type Hold, listWaitingHolds, readHolds } from './holds/rows.ts';
export { HOLD_TOPICS } from './holds/topics.ts';
export { activatePolicy, Policies, type RulingPolicy, storePolicy } from './policies.ts';
export { readTrace, type StoredTrace } from './trace.ts';
export type { Windows } from './windows/book.ts';
export { holdWindows } from './windows/charges.ts';
export {
  type PastDecision,
  type PastNewest,
  type PastSource,
  UNKNOWN_ASSET,
} from './windows/past.ts';
export { longestWindowMs, PolicyReplay } from './windows/replay.ts';
