/**
 * Owns freezes, of two kinds. A freeze is an operator's order: nothing that it covers (everything, a chain, a
 * wallet, an asset, a tenant) is opened, gets a nonce or has its first attempt signed until two persons lifted it;
 * what was signed before goes on, fillers too, and money stays reserved. A freeze of signing is the signer's own:
 * it declares one while its journal, the main database and the witness disagree, and here it is read and told.
 * Both are append-only rows beside the rows that end them. Writes of orders happen in the caller's
 * transaction; a crash leaves a freeze of signing untold until the next round.
 */
export {
  type Freeze,
  type FreezeScope,
  type FreezeTarget,
  insertFreeze,
  insertLift,
  readFreezes,
  readStandingFreezes,
} from './freezes.ts';
export { freezeOn, tellFrozen } from './match.ts';
export { readSigningFreeze, tellSigningFreezes } from './signing.ts';
