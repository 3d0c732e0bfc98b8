import type { Db, Sql } from '../../../base/db/index.ts';
import { type Clock, type Log, messageOf } from '../../../base/kernel/index.ts';
import { genesis, newest, type Seal, type Seen } from './chain.ts';
import { batchHashes, headBegin, headGet, headGetForUpdate, seenNote } from './journal-head.ts';
import {
  type Evidence,
  type Freeze,
  type Journal,
  judge,
  judgeChain,
  judgeMain,
  type Main,
} from './judge.ts';
import { freezeDeclare, freezeLift, mainGet } from './main.ts';
import { Telling } from './telling.ts';
import type { Witness } from './witness.ts';

/** The three disagree: nothing was claimed or journaled, and nothing may be signed. */
export class Frozen extends Error {
  override readonly name = 'Frozen';
  readonly freeze: Freeze;
  constructor(freeze: Freeze) {
    super(`signing is frozen: ${freeze.detail}`);
    this.freeze = freeze;
  }
}

type HandshakeOptions = {
  /** The signer's name, as in its claims. */
  name: string;
  main: Db;
  journal: Db;
  witness: Witness;
  clock: Clock;
  log: Log;
  /** One line for a person at a terminal. */
  say?: (line: string) => void;
};

const LOOK_EVERY_MS = 1_000;

/**
 * Journal, main database and witness each refuse to go on when another is behind what they have seen. look()
 * is the judgement: it alone freezes and thaws. Batches hold the same evidence once more where they act, in
 * their own transactions, so that a database put back between two looks stops them too.
 * Not reachable is not behind: whatever can not be asked is thrown as it came, and freezes nothing.
 */
export class Handshake {
  readonly telling: Telling;
  readonly #options: HandshakeOptions;
  /** As it was read last. It only rises, so what it asks of the main database is never too much. */
  #journal: Journal | null = null;
  #freeze: Freeze | null = null;
  #lookAt = 0;

  constructor(options: HandshakeOptions) {
    this.#options = options;
    this.telling = new Telling(options.log, options.say ?? (() => {}));
  }

  get frozen(): boolean {
    return this.#freeze !== null;
  }

  /** The newest batch that this signer knows of. */
  get head(): Seal {
    return this.#known().head;
  }

  /** Looks when the last time is a second ago, or was no good. Throws Frozen. */
  async check(): Promise<void> {
    if (this.#freeze !== null || this.#options.clock.monotonic() >= this.#lookAt) await this.look();
  }

  /**
   * Reads all three in the order in which they may rise unseen: the witness, the journal, the main database, and
   * then the journal's hashes at what the other two have seen. Throws Frozen when they disagree.
   */
  async look(): Promise<Main> {
    const { main: mainDb, journal: journalDb, witness: port, clock } = this.#options;
    this.#lookAt = 0;
    const witness = { where: port.where, seal: await port.read() };
    let journal = await headGet(journalDb);
    const main = await mainGet(mainDb, journal);
    const hashAt = await this.#hashes(journalDb, journal.head, [main.seal, witness.seal]);
    const freeze = judge({ journal, main, witness, hashAt });
    await this.#become(freeze, main.frozen);
    if (freeze !== null) throw new Frozen(freeze);
    if (journal.installationId === null) {
      await headBegin(journalDb, main.installationId);
      journal = await headGet(journalDb);
    }
    await this.#witnessBeginning(journal, witness.seal);
    this.#journal = { ...journal, seen: await this.#note(journal.seen, main) };
    this.#lookAt = clock.monotonic() + LOOK_EVERY_MS;
    return main;
  }

  /** Looks again after a batch was stopped; what it finds is told, not thrown. */
  async confirm(): Promise<void> {
    await this.look().catch((error) => {
      if (!(error instanceof Frozen)) throw error;
    });
  }

  /** In the transaction that claims, before it does. Throws Frozen. */
  async atClaim(sql: Sql): Promise<Main> {
    const journal = this.#known();
    const main = await mainGet(sql, journal);
    throwIf(judgeMain(journal, main));
    return main;
  }

  /** What the witness says before a batch is journaled. */
  async witness(): Promise<Evidence['witness']> {
    const { witness } = this.#options;
    return { where: witness.where, seal: await witness.read() };
  }

  /**
   * Takes the head of the chain in a batch's transaction, and holds the evidence against the journal as it
   * then is. Throws Frozen.
   */
  async lockHead(sql: Sql, main: Main, witness: Evidence['witness']): Promise<Journal> {
    const journal = await headGetForUpdate(sql);
    const hashAt = await this.#hashes(sql, journal.head, [main.seal, witness.seal]);
    throwIf(judgeChain({ journal, main, witness, hashAt }));
    return journal;
  }

  /** The journal as this signer's batch left it; one that it has read meanwhile may be a later one. */
  advanced(journal: Journal): void {
    if (journal.head.height >= this.#known().head.height) this.#journal = journal;
  }

  /**
   * Nothing is signed before this resolves: afterwards the witness has seen the batch, or a later one.
   * Throws Transient when it can not be written.
   */
  async witnessed(seal: Seal, before: Evidence['witness']): Promise<void> {
    if (before.seal !== null && before.seal.height >= seal.height) return;
    await this.#options.witness.write(seal);
  }

  #known(): Journal {
    if (this.#journal === null) throw new TypeError('asked for before check()');
    return this.#journal;
  }

  async #hashes(
    sql: Sql,
    head: Seal,
    seals: readonly (Seal | null)[],
  ): Promise<Evidence['hashAt']> {
    const other = seals.flatMap((seal) =>
      seal === null || seal.height === 0n || seal.height === head.height ? [] : [seal.height],
    );
    const hashes = other.length === 0 ? new Map() : await batchHashes(sql, other);
    return (height) => (height === head.height ? head.hash : hashes.get(height));
  }

  /**
   * At height 0 nothing was signed, so a witness may be made; later a missing one is evidence that was lost. Before
   * the first batch, so that a crash between that and its witness does not look like a loss.
   */
  async #witnessBeginning({ installationId, head }: Journal, seen: Seal | null): Promise<void> {
    if (head.height > 0n || installationId === null) return;
    const beginning = genesis(installationId);
    if (seen?.hash !== beginning.hash) await this.#options.witness.write(beginning);
  }

  /** What a batch has not told the journal yet, such as that it was handed over itself. */
  async #note(seen: Seen, main: Main): Promise<Seen> {
    const now = newest(seen, main);
    if (now.seal.height > seen.seal.height || now.position > seen.position) {
      await seenNote(this.#options.journal, now);
    }
    return now;
  }

  async #become(freeze: Freeze | null, standing: boolean): Promise<void> {
    const { main, name, log } = this.#options;
    this.#freeze = freeze;
    this.telling.frozen(freeze);
    try {
      if (standing) await freezeLift(main, name, freeze?.code ?? null);
      if (freeze !== null) await freezeDeclare(main, name, freeze);
    } catch (error) {
      // Nothing is signed whether or not it is written there; the next look tries again.
      log.warn({ error: messageOf(error) }, 'the freeze is not told in the main database yet');
      if (freeze === null) throw error;
    }
  }
}

function throwIf(freeze: Freeze | null): void {
  if (freeze !== null) throw new Frozen(freeze);
}
