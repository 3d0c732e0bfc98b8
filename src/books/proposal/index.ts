/**
 * Owns proposals: what takes effect only when a second person, told apart by the API key, says the same as
 * the first. Promises that nobody confirms their own word, and that a word is used once (its row is deleted
 * by the act that it permits). Writes happen in the caller's transaction.
 */
export { confirm, propose, readProposals } from './proposal.ts';
