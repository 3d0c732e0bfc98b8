/**
 * Owns the seal: blocks over all rows that can not change any more (audit entries, events, transfers, decisions,
 * intents), each a Merkle root in a header that names the one before, signed by the signer and anchored outside.
 * Promises that no row is passed over and none is sealed before it is finished, that a row which is changed, taken
 * away or put in afterwards is named, and that nobody waits for the seal. Entries themselves are written by
 * base/event. A crash leaves whole blocks; unsigned ones are signed, and signed ones anchored, later.
 */
export { type Anchor, AnchorConflict, type AnchoredRoot, FileAnchor } from './anchor.ts';
export { Anchoring } from './anchoring.ts';
export type { Signed } from './blocks.ts';
export { rawPublicKey } from './check.ts';
export { type AuditReport, checkBlocks, type Trusted } from './check-blocks.ts';
export { leafHash, rootOfPath } from './merkle.ts';
export { proveRows, type RowProof, readItems } from './proofs.ts';
export { SEALED } from './sealed.ts';
export { Sealer } from './sealer.ts';
