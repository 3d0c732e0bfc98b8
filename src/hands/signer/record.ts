import { type Db, inTransaction, type Sql } from '../../base/db/index.ts';
import { fromHex, type Hex, Transient } from '../../base/kernel/index.ts';
import type { SigningRefusal } from './check.ts';
import { closingIntent, type Signing, type Spend } from './grammar.ts';
import { newest, nextSeal, type Seen } from './handshake/chain.ts';
import type { Journal } from './handshake/judge.ts';
import {
  type Binding,
  batchInsert,
  bindingsInsert,
  bindingsOfSlots,
  effectsOfToday,
  type JournalEntry,
  journalGet,
  laneEpochsNote,
  type SignedBytes,
  signedWrite,
  slotKey,
  spentOf,
} from './journal.ts';
import { judgeWindows } from './limits/judge.ts';
import { spendsInsert, spendsOfIntents, windowsHold } from './limits/rows.ts';
import { laneKey, limitKey, type SigningRules } from './rules.ts';

type Recorded = {
  /** By request id: what stands in the journal now, signed already where another was faster. */
  entries: Map<string, JournalEntry>;
  refused: Map<string, SigningRefusal>;
  /** As it then stands: its head covers every entry above. Null when nothing fitted. */
  journal: Journal | null;
};

/** The chain that the batch becomes the next link of. */
type Chain = {
  /** The main database as it is when the batch begins. */
  main: Seen;
  /** Takes the head's lock; throws when the batch must not be made. */
  lockHead(sql: Sql): Promise<Journal>;
  limits: SigningRules['limits'];
};

/** Undoes a batch of which something does not fit the limits: it is made again without that. */
class OverLimit extends Error {
  readonly refused: ReadonlyMap<string, SigningRefusal>;
  constructor(refused: ReadonlyMap<string, SigningRefusal>) {
    super('over a limit');
    this.refused = refused;
  }
}

/**
 * Binds the slots and writes the unsigned bytes, in one transaction of the journal: after it, no
 * signer of this installation will ever sign another effect on these slots, or these intents on
 * another slot. An order that does not fit what is bound, or the limits, is refused and leaves nothing.
 */
export async function recordUnsigned(
  journal: Db,
  signings: readonly Signing[],
  chain: Chain,
): Promise<Recorded> {
  const over: Recorded['refused'] = new Map();
  for (;;) {
    const within = signings.filter(({ requestId }) => !over.has(requestId));
    try {
      const recorded = await recordOnce(journal, within, chain);
      return { ...recorded, refused: new Map([...recorded.refused, ...over]) };
    } catch (error) {
      if (!(error instanceof OverLimit)) throw error;
      for (const [requestId, refusal] of error.refused) over.set(requestId, refusal);
    }
  }
}

/** The head's lock is taken after the bindings': two signers wait for each other in one order. */
async function recordOnce(
  journal: Db,
  signings: readonly Signing[],
  chain: Chain,
): Promise<Recorded> {
  if (signings.length === 0) return { entries: new Map(), refused: new Map(), journal: null };
  return inTransaction(journal, async (sql) => {
    // All new: what stands there now is what was written, and needs no reading.
    if ((await bindingsInsert(sql, signings)) === signings.length) {
      return record(sql, signings, new Map(), chain);
    }
    let bound = await bindingsOfSlots(sql, signings);
    const closing = signings.flatMap((signing) =>
      signing.kind === 'filler' && !bound.has(slotKey(signing))
        ? [{ ...signing, ...closingIntent(signing) }]
        : [],
    );
    if (closing.length > 0) {
      await bindingsInsert(sql, closing);
      bound = await bindingsOfSlots(sql, signings);
    }
    const fitting: Signing[] = [];
    const refused: Recorded['refused'] = new Map();
    for (const signing of signings) {
      const fit = fitBinding(signing, bound.get(slotKey(signing)));
      if ('code' in fit) refused.set(signing.requestId, fit);
      else fitting.push(fit);
    }
    if (fitting.length === 0) return { entries: new Map(), refused, journal: null };
    return record(sql, fitting, refused, chain);
  });
}

async function record(
  sql: Sql,
  fitting: readonly Signing[],
  refused: Recorded['refused'],
  chain: Chain,
): Promise<Recorded> {
  const before = await chain.lockHead(sql);
  const { entries, fresh } = await entriesOf(sql, fitting, refused);
  await expectWithinDay(sql, fresh);
  const counted = await count(sql, chain.limits, fresh);
  const after = await appendBatch(sql, chain.main, before, fresh);
  await spendsInsert(sql, counted);
  return { entries, refused, journal: after };
}

/**
 * Under the head's lock, which every signer takes before it records: what another one gave since these were judged is
 * counted here. Nothing of the batch is recorded then; judged again, the top-up is refused.
 */
async function expectWithinDay(sql: Sql, fresh: readonly Signing[]): Promise<void> {
  const limited = fresh.filter(({ dayLimit }) => dayLimit !== null);
  const begun = await effectsOfToday(sql, limited);
  for (const { chainId, from, dayLimit } of limited) {
    const wallet = laneKey(chainId, from);
    const count = (begun.get(wallet) ?? 0) + 1;
    if (count > dayLimit!) {
      throw new Transient(`another signer gave the last top-up of the day of ${wallet}`);
    }
    begun.set(wallet, count);
  }
}

/** The signing as the slot's binding has it, or why it can not be. */
function fitBinding(signing: Signing, binding: Binding | undefined): Signing | SigningRefusal {
  if (binding === undefined) {
    return {
      code: 'intent_on_another_slot',
      message: `intent ${signing.intentId} is bound to another slot than ${slotKey(signing)}`,
    };
  }
  if (signing.kind === 'filler') {
    // A closed slot stays closed, and the slot's own intent may be closed with whatever effect it had.
    const mayClose: Hex[] = [signing.intentId, closingIntent(signing).intentId];
    if (mayClose.includes(binding.intentId)) return { ...signing, intentId: binding.intentId };
  }
  if (binding.intentId !== signing.intentId) {
    return {
      code: 'slot_of_another_intent',
      message: `slot ${slotKey(signing)} is bound to intent ${binding.intentId}`,
    };
  }
  return binding.effectDigest === signing.effectDigest
    ? signing
    : {
        code: 'effect_changed',
        message: `slot ${slotKey(signing)} is bound to effect ${binding.effectDigest}`,
      };
}

/** What stands in the journal for these, and those that have no entry yet and are to have one. */
async function entriesOf(
  sql: Sql,
  signings: readonly Signing[],
  refused: Recorded['refused'],
): Promise<{ entries: Recorded['entries']; fresh: Signing[] }> {
  const entries = await journalGet(
    sql,
    signings.map(({ requestId }) => requestId),
  );
  const fresh: Signing[] = [];
  for (const signing of signings) {
    const { requestId, intentId, fingerprint, unsigned } = signing;
    const entry = entries.get(requestId);
    if (entry === undefined) {
      fresh.push(signing);
      entries.set(requestId, { requestId, intentId, fingerprint, unsigned, signed: null });
    } else if (!entry.fingerprint.equals(fingerprint)) {
      entries.delete(requestId);
      refused.set(requestId, {
        code: 'request_changed',
        message: 'the journal holds other bytes for this request',
      });
    }
  }
  return { entries, fresh };
}

/** What fresh signatures count for, by request. Under the head's lock; throws OverLimit. */
async function count(
  sql: Sql,
  limits: Chain['limits'],
  fresh: readonly Signing[],
): Promise<Map<string, readonly Spend[]>> {
  const limited = fresh.filter(({ spends }) => spends.length > 0);
  if (limited.length === 0) return new Map();
  const keys = new Set(limited.flatMap(({ spends }) => spends.map(limitKey)));
  const intents = limited.map(({ intentId }) => intentId);
  const known = {
    held: await windowsHold(
      sql,
      [...keys].map((key) => limits.get(key)!),
    ),
    before: await spendsOfIntents(sql, intents),
  };
  const { counted, refused } = judgeWindows(limits, limited, known);
  if (refused.size > 0) throw new OverLimit(refused);
  return counted;
}

/** Under the head's lock. Entries that another signer was faster with stand in a batch already. */
async function appendBatch(
  sql: Sql,
  main: Seen,
  before: Journal,
  fresh: readonly Signing[],
): Promise<Journal> {
  if (fresh.length === 0) return before;
  // First effects only: a filler or a replacement may stand on a slot that an older epoch gave.
  await laneEpochsNote(
    sql,
    fresh.filter(({ firstEffect }) => firstEffect),
  );
  const { requestId } = fresh.at(-1)!;
  const seen = newest(before.seen, main);
  const seal = nextSeal(before.head, main, fresh);
  await batchInsert(sql, await atIncrease(sql, fresh), {
    previous: before.head,
    seal,
    requestId,
    entries: fresh.length,
    main,
    newest: seen,
  });
  return { ...before, head: seal, requestId, seen };
}

/**
 * A filler or a replacement counts for what it can move beyond the signatures that its intent has already. Under
 * the head's lock, so that of two signers the second sees the first one's.
 */
async function atIncrease(sql: Sql, fresh: readonly Signing[]): Promise<Signing[]> {
  const further = fresh.filter(({ firstEffect }) => !firstEffect);
  const spent = await spentOf(
    sql,
    further.map(({ intentId }) => intentId),
  );
  return fresh.map((signing) => {
    const { intentId, maxSpend } = signing;
    const before = spent.get(intentId) ?? 0n;
    if (maxSpend > before) spent.set(intentId, maxSpend);
    if (before === 0n) return signing;
    return { ...signing, maxSpend: maxSpend > before ? maxSpend - before : 0n };
  });
}

/**
 * Writes signed bytes and returns, by request, those that the journal then holds: another signer's where it was
 * faster.
 */
export async function recordSigned(
  journal: Db,
  signatures: readonly { requestId: string; raw: Buffer; hash: Hex }[],
): Promise<Map<string, SignedBytes>> {
  if (signatures.length === 0) return new Map();
  return inTransaction(journal, async (sql) => {
    if ((await signedWrite(sql, signatures)) === signatures.length) {
      return new Map(
        signatures.map(({ requestId, raw, hash }) => [requestId, { raw, hash: fromHex(hash) }]),
      );
    }
    // A second statement: the first one's loser must read what the winner wrote.
    const entries = await journalGet(
      sql,
      signatures.map(({ requestId }) => requestId),
    );
    return new Map([...entries].flatMap(([id, { signed }]) => (signed ? [[id, signed]] : [])));
  });
}
