/**
 * Owns proposals: what takes effect only when a second person says the same as the first. A person is an
 * operator, or an API key that the owner made; keys that either of them made speak for it. Promises that
 * nobody confirms their own word, that a word falls with the rights of who said it, and that it is used once
 * (its row is deleted by the act that it permits). Writes happen in the caller's transaction.
 */
export { confirm, forget, propose, readProposals, type Speaker } from './proposal.ts';
