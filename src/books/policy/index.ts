/**
 * Owns decisions: what policy said of a payment, with version and trace, used once (the consuming row
 * is unique). Today the asset's tiers of the configuration are the policy. Evaluation is pure.
 */
export { insertDecisions } from './decisions.ts';
export { evaluate, type PolicyDecision, tierOf } from './evaluate.ts';
