/**
 * Owns the keys and the journal of what was signed with them. Trusts nobody: it signs only a closed
 * grammar of effects that it rebuilds itself from the raw intent, one slot per intent for ever, within
 * the limits of its own configuration. Reads orders from the main database, claims them, hands back
 * signed bytes or a refusal, and can do nothing else there. No port, no job table. Signs nothing while
 * journal, main database and witness disagree about what has happened. What it would refuse it says before a slot is given.
 * A crash leaves a claimed order without a signature: it counts as signed, and is taken over after
 * 30 s by any signer, which gives what the journal holds or signs the same bytes.
 */
export type { SignerContext } from './answer.ts';
export { runRootSigner } from './audit/run.ts';
export { judgeQuestions } from './dry/judge.ts';
export { beginWitness } from './handshake/begin-witness.ts';
export { Handshake } from './handshake/handshake.ts';
export { FileWitness, type Witness } from './handshake/witness.ts';
export { type Keystore, openKeystore } from './keystore/keystore.ts';
export { signWithKeystore } from './keystore/sign-once.ts';
export { SigningThread } from './keystore/thread.ts';
export { runSigner } from './loop/run.ts';
export { OwnTime } from './own-time.ts';
export { signingRules } from './rules.ts';

export { signBatch, takeOverBatch } from './step.ts';
