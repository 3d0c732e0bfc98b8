/**
 * Owns decisions: what policy said of a payment, with version and trace, used once (the consuming row
 * is unique). Today the asset's tiers of the configuration are the policy, and documents are read and checked.
 * Reading and evaluation are pure.
 */
export { insertDecisions } from './decisions.ts';
export { canonicalPolicy, policyOfCanonical, policyVersion } from './document/canonical.ts';
export { readPolicy, tellPolicyFault } from './document/read.ts';
export { policySchema } from './document/schema.ts';
export type { Policy } from './document/types.ts';
export { evaluate, type PolicyDecision, tierOf } from './evaluate.ts';
