import { type Db, inTransaction, type Sql } from '../../base/db/index.ts';
import type { Hex } from '../../base/kernel/index.ts';
import type { SigningRefusal } from './check.ts';
import { closingIntent, type Signing } from './grammar.ts';
import {
  type Binding,
  bindingsInsert,
  bindingsOfSlots,
  type JournalEntry,
  journalGet,
  laneEpochsNote,
  signedWrite,
  slotKey,
  unsignedInsert,
} from './journal.ts';

type Recorded = {
  /** By request id: what stands in the journal now, signed already where another was faster. */
  entries: Map<string, JournalEntry>;
  refused: Map<string, SigningRefusal>;
};

/**
 * Binds the slots and writes the unsigned bytes, in one transaction of the journal: after it, no
 * signer of this installation will ever sign another effect on these slots, or these intents on
 * another slot. An order that does not fit what is bound is refused and leaves nothing.
 */
export async function recordUnsigned(journal: Db, signings: readonly Signing[]): Promise<Recorded> {
  if (signings.length === 0) return { entries: new Map(), refused: new Map() };
  return inTransaction(journal, async (sql) => {
    await bindingsInsert(sql, signings);
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
    return { entries: await writeEntries(sql, fitting, refused), refused };
  });
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

async function writeEntries(
  sql: Sql,
  signings: readonly Signing[],
  refused: Recorded['refused'],
): Promise<Recorded['entries']> {
  if (signings.length === 0) return new Map();
  // First effects only: a filler or a replacement may stand on a slot that an older epoch gave.
  await laneEpochsNote(
    sql,
    signings.filter(({ firstEffect }) => firstEffect),
  );
  await unsignedInsert(sql, signings);
  const entries = await journalGet(
    sql,
    signings.map(({ requestId }) => requestId),
  );
  for (const { requestId, fingerprint } of signings) {
    if (entries.get(requestId)?.fingerprint.equals(fingerprint)) continue;
    entries.delete(requestId);
    refused.set(requestId, {
      code: 'request_changed',
      message: 'the journal holds other bytes for this request',
    });
  }
  return entries;
}

/** Writes signed bytes and returns what the journal then holds for these requests. */
export async function recordSigned(
  journal: Db,
  signatures: readonly { requestId: string; raw: Buffer; hash: Hex }[],
): Promise<Map<string, JournalEntry>> {
  if (signatures.length === 0) return new Map();
  return inTransaction(journal, async (sql) => {
    await signedWrite(sql, signatures);
    // A second statement: the first one's loser must read what the winner wrote.
    return journalGet(
      sql,
      signatures.map(({ requestId }) => requestId),
    );
  });
}
