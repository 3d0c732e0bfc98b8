import { genesis, NOTHING_SEALED, type Seal, type Seen } from './chain.ts';

export type Journal = {
  /** The installation that it was begun for; null: it is new. */
  installationId: string | null;
  head: Seal;
  /** An order of the newest batch; null at height 0. */
  requestId: string | null;
  /** The newest that any signer has seen of the main database. */
  seen: Seen;
};

export type Main = Seen & {
  installationId: string;
  /** Asked for what the journal had seen: whether that event still stands at its position. */
  eventStands: boolean;
  /** Asked for the journal's newest batch: whether its order stands here, claimed. */
  orderClaimed: boolean;
  /** A freeze stands there. */
  frozen: boolean;
};

export type FreezeCode =
  | 'main_behind'
  | 'journal_behind'
  | 'both_behind'
  | 'witness_missing'
  | 'journal_foreign';

/** Why nothing may be signed, and what to do. */
export type Freeze = { code: FreezeCode; detail: string; remedy: string };

export type Evidence = {
  journal: Journal;
  /** Read after the journal; its event and order were asked for what that journal said. */
  main: Main;
  /** Read before the journal; null: there is none, or none that can be read as one. */
  witness: { where: string; seal: Seal | null };
  /** The journal's hash at a height, read after main and witness; undefined: it has no such batch. */
  hashAt(height: bigint): Seal['hash'] | undefined;
};

const NOTHING_ELSE = 'nothing else may sign meanwhile; signing goes on by itself';

const REMEDIES: Readonly<Record<FreezeCode, string>> = {
  main_behind: `put back the newest copy of the main database; ${NOTHING_ELSE}`,
  journal_behind: `put back the newest copy of the signer's database; ${NOTHING_ELSE}`,
  both_behind: `put back the newest copies of the signer's and of the main database, or, where the witness is another installation's, correct signer.witness.file; ${NOTHING_ELSE}`,
  witness_missing: `put the witness back where it was, or correct signer.witness.file; ${NOTHING_ELSE}`,
  journal_foreign: `correct DATABASE_URL and SIGNER_DATABASE_URL: they belong to two installations; ${NOTHING_ELSE}`,
};

/**
 * Holds journal, main database and witness against each other; null when they agree. Pure. What each has
 * seen of the others is compared by hash or id and never by a number alone, so that a copy from the
 * past that has moved on since is recognised. What may differ after a crash, and why it is allowed:
 *
 * - The witness below the journal, while the journal's chain has the witness's hash: the signer died between
 *   the journal's commit and the witness, by however many batches. Nothing is signed past the
 *   witness, so those batches hold unsigned bytes only, and the witness is brought up before they are.
 * - The main database's seal below the journal, but not below what was seen of it, while the newest batch's
 *   order stands there claimed: the signer died before it handed over. The same bytes come again.
 */
export function judge(evidence: Evidence): Freeze | null {
  return judgeChain(evidence) ?? judgeMain(evidence.journal, evidence.main);
}

/** Also by itself, under the chain's lock: whether the journal is behind what the other two have seen. */
export function judgeChain(evidence: Evidence): Freeze | null {
  return judgeOwner(evidence) ?? judgeJournal(evidence);
}

function judgeOwner({ journal, main }: Evidence): Freeze | null {
  const { installationId } = journal;
  if (installationId === null || installationId === main.installationId) return null;
  return freeze(
    'journal_foreign',
    `the journal is of installation ${installationId}, the main database of ${main.installationId}`,
  );
}

function judgeJournal({ journal, main, witness, hashAt }: Evidence): Freeze | null {
  const { head } = journal;
  const holds = (seal: Seal) =>
    seal.height === 0n
      ? seal.hash === NOTHING_SEALED.hash || seal.hash === genesis(main.installationId).hash
      : hashAt(seal.height) === seal.hash;
  if (!holds(main.seal)) {
    return freeze(
      'journal_behind',
      `the main database was sealed with batch ${told(main.seal)}, ${stands(head, main.seal)}`,
    );
  }
  if (witness.seal === null) {
    // Before the first batch there is nothing to witness: it is written then.
    if (head.height === 0n) return null;
    return freeze(
      'witness_missing',
      `the journal stands at batch ${told(head)}, and there is no witness at ${witness.where}`,
    );
  }
  // A witness that has seen nothing says nothing of a journal that has signed nothing.
  if (head.height === 0n && witness.seal.height === 0n) return null;
  if (holds(witness.seal)) return null;
  return freeze(
    'both_behind',
    `the witness ${witness.where} has seen batch ${told(witness.seal)}, ${stands(head, witness.seal)}, and the main database does not know better`,
  );
}

/** Also by itself, before each claim: what is remembered of the journal can only have risen since. */
export function judgeMain({ seen, head, requestId }: Journal, main: Main): Freeze | null {
  const behind = (detail: string) => freeze('main_behind', detail);
  const { seal } = main;
  if (seal.height < seen.seal.height) {
    return behind(
      `the journal has seen the main database sealed with batch ${told(seen.seal)}, it stands at ${told(seal)}`,
    );
  }
  if (seal.height === seen.seal.height && seal.hash !== seen.seal.hash) {
    return behind(
      `the journal has seen the main database sealed with batch ${told(seen.seal)}, it has ${told(seal)}`,
    );
  }
  if (!main.eventStands) {
    return behind(
      `the journal has seen event ${seen.eventId} at position ${seen.position}, which the main database does not have there`,
    );
  }
  if (!main.orderClaimed) {
    return behind(
      `the journal's batch ${told(head)} answers order ${requestId}, which the main database does not have as claimed`,
    );
  }
  return null;
}

function freeze(code: FreezeCode, detail: string): Freeze {
  return { code, detail, remedy: REMEDIES[code] };
}

/** Enough of the hash to compare by eye. */
function told({ height, hash }: Seal): string {
  return height === 0n ? '0' : `${height} (${hash.slice(0, 10)})`;
}

function stands(head: Seal, other: Seal): string {
  return head.height < other.height
    ? `the journal stands at ${told(head)}`
    : 'which the journal has with another hash';
}
