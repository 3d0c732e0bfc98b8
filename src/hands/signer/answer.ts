import { type Db, inTransaction } from '../../base/db/index.ts';
import {
  type Clock,
  type Hex,
  type Log,
  type LogFields,
  nonceKey,
  Transient,
} from '../../base/kernel/index.ts';
import { requirementOf } from './approvals/check.ts';
import { withApprovals } from './approvals/rows.ts';
import { check, type SigningRefusal } from './check.ts';
import type { Order, Signing } from './grammar.ts';
import type { Seal } from './handshake/chain.ts';
import type { Handshake } from './handshake/handshake.ts';
import type { Main } from './handshake/judge.ts';
import {
  effectsOfToday,
  type JournalEntry,
  journalGet,
  laneEpochs,
  refusalsInsert,
  type SeenEpoch,
  type SignedBytes,
  signedEffects,
} from './journal.ts';
import type { Keystore } from './keystore/keystore.ts';
import { moveKindOf } from './moves/check.ts';
import { type Handed, ordersGet, signaturesInsert } from './orders.ts';
import type { OwnTime } from './own-time.ts';
import { recordSigned, recordUnsigned } from './record.ts';
import { laneKey, type SigningRules } from './rules.ts';
import { type Owed, type Signed, signAll } from './sign.ts';

export type SignerContext = {
  /** Written into claims. */
  name: string;
  /** The main database under the role payonce_signer. */
  main: Db;
  /** The journal's own database under the role payonce_signer. */
  journal: Db;
  rules: SigningRules;
  keystore: Keystore;
  /** Between main database, journal and witness, for as long as this signer runs. */
  handshake: Handshake;
  /** What time it is, where an expiry is judged. */
  time: OwnTime;
  clock: Clock;
  log: Log;
};

/** A batch as far as it is judged and in the journal, and what stands there that is signed or to be signed. */
type Recorded = {
  orders: readonly Order[];
  refusals: Map<string, SigningRefusal>;
  given: Map<string, SignedBytes>;
  unsigned: readonly { keyId: string; entry: JournalEntry }[];
  main: Main;
  /** The head of the journal's chain, which covers the batch. */
  seal: Seal;
};

/** The raw rows behind claimed orders, and what persons said to them. */
export async function readOrders(
  { main, rules }: SignerContext,
  ids: readonly string[],
): Promise<Order[]> {
  return withApprovals(main, rules, await ordersGet(main, ids));
}

/**
 * Judges claimed orders and records what is to be signed; nothing is signed yet. `main` is the main database as it was when
 * they were claimed. Throws Frozen before anything is journaled, and what a database or the witness throws; safe to
 * repeat after whatever was thrown.
 */
export async function recordOrders(
  context: SignerContext,
  orders: readonly Order[],
  main: Main,
): Promise<Recorded> {
  const { handshake } = context;
  const known = await recall(context.journal, orders);
  const judged = orders.some((order) => requirementOf(context.rules, order) !== null);
  const time = judged ? await context.time.now() : null;
  const given = signedOf(known.entries);
  const { signings, refusals } = judge(context, orders, { ...known, time }, given);

  const witness = await handshake.witness();
  const recorded = await recordUnsigned(context.journal, signings, {
    main,
    lockHead: (sql) => handshake.lockHead(sql, main, witness),
    limits: context.rules.limits,
  });
  // A crash here leaves bound slots, unsigned bytes and a batch that the witness has not seen, which is
  // allowed: whoever takes over binds the same, brings the witness up and signs.
  for (const [id, refusal] of recorded.refused) refusals.set(id, refusal);
  if (recorded.journal !== null) {
    handshake.advanced(recorded.journal);
    await handshake.witnessed(recorded.journal.head, witness);
  }
  for (const [id, bytes] of signedOf(recorded.entries)) given.set(id, bytes);
  const unsigned = unsignedOf(signings, recorded.entries);
  // A crash here leaves a batch witnessed and unsigned: the same bytes are signed by whoever takes over.
  const seal = recorded.journal?.head ?? handshake.head;
  return { orders, refusals, given, unsigned, main, seal };
}

/** Signs what was recorded and hands signatures and refusals over. Throws and may be repeated as recordOrders(). */
export async function giveOut(
  context: SignerContext,
  { orders, refusals, given, unsigned, main, seal }: Recorded,
): Promise<{ signed: number; refused: number; owed: Owed[] }> {
  const { signed, owed } = await signAll(context, unsigned);
  // A crash here loses signatures that nobody has seen: the same bytes are signed again.
  for (const [id, bytes] of await recordSigned(context.journal, signed)) given.set(id, bytes);
  // A crash here leaves signed bytes in the journal only: asked again, the signer gives those.
  await writeRefusals(context.journal, orders, refusals);
  // A crash here leaves a refusal noted and not handed over: it is judged, and noted, again.
  const handed = [...given].map(
    ([requestId, bytes]): Handed => ({ requestId, signed: bytes, refusal: null }),
  );
  for (const [requestId, refusal] of refusals) handed.push({ requestId, signed: null, refusal });
  if (handed.length > 0) await handOver(context, handed, { main, seal });
  // A lost answer to this COMMIT: the same is handed over again and changes nothing.
  logRefusals(context.log, orders, refusals);
  return { signed: handed.length - refusals.size, refused: refusals.size, owed };
}

/**
 * Stores and hands over what slow keys signed after their orders were answered; throws and may be repeated as answer().
 * A crash before it leaves claimed orders without a signature, as any other.
 */
export async function handOverLate(
  context: SignerContext,
  late: readonly Signed[],
  main: Main,
): Promise<void> {
  const given = await recordSigned(context.journal, late);
  const handed = [...given].map(([requestId, signed]) => ({ requestId, signed, refusal: null }));
  await handOver(context, handed, { main, seal: context.handshake.head });
}

/** The main database is sealed with it; one that was put back since the claim takes nothing. */
async function handOver(
  { main: db }: SignerContext,
  handed: readonly Handed[],
  { main, seal }: { main: Main; seal: Seal },
): Promise<void> {
  const sealed = await signaturesInsert(db, handed, { seal, atLeast: main.seal.height });
  if (!sealed) throw new Transient('the main database was put back since the orders were claimed');
}

type Known = {
  entries: Map<string, JournalEntry>;
  epochs: Map<string, SeenEpoch[]>;
  effects: Set<Hex>;
  /** By laneKey. */
  topUps: Map<string, number>;
};

type Time = Awaited<ReturnType<OwnTime['now']>> | null;

async function recall(journal: Db, orders: readonly Order[]): Promise<Known> {
  return inTransaction(journal, async (sql) => ({
    entries: await journalGet(
      sql,
      orders.map(({ requestId }) => requestId),
    ),
    epochs: await laneEpochs(sql),
    effects: await signedEffects(
      sql,
      orders.map(({ tx }) => tx.intentId),
    ),
    topUps: await effectsOfToday(
      sql,
      orders.filter((order) => moveKindOf(order) === 'topup').map(({ slot }) => slot),
    ),
  }));
}

function judge(
  { rules, log }: SignerContext,
  orders: readonly Order[],
  known: Known & { time: Time },
  given: ReadonlyMap<string, SignedBytes>,
): { signings: Signing[]; refusals: Map<string, SigningRefusal> } {
  const signings: Signing[] = [];
  const refusals = new Map<string, SigningRefusal>();
  for (const order of orders) {
    // What was given once is given again, whatever the rules say by now.
    if (given.has(order.requestId)) continue;
    const lane = laneKey(order.slot.chainId, order.slot.from);
    const verdict = check(rules, order, {
      newerFrom: newerFrom(known.epochs.get(lane), order),
      effectSigned: known.effects.has(order.tx.intentId),
      topUps: known.topUps.get(lane) ?? 0,
      time: known.time,
    });
    if (verdict.kind === 'ok') {
      signings.push(verdict.signing);
      // The next one of this batch sees it.
      if (moveKindOf(order) === 'topup' && verdict.signing.firstEffect)
        known.topUps.set(lane, (known.topUps.get(lane) ?? 0) + 1);
    } else if (verdict.kind === 'refusal') refusals.set(order.requestId, verdict);
    // Left claimed: it is taken over when what it waits for has passed.
    else log.warn(fieldsOf(order), verdict.message);
  }
  return { signings, refusals };
}

/** The lowest nonce that epochs newer than the order's were seen at. */
function newerFrom(seen: readonly SeenEpoch[] | undefined, { laneEpoch }: Order): bigint | null {
  const newer = (seen ?? []).filter(({ epoch }) => epoch > laneEpoch);
  return newer.reduce<bigint | null>(
    (lowest, { lowestNonce }) => (lowest === null || lowestNonce < lowest ? lowestNonce : lowest),
    null,
  );
}

function signedOf(entries: ReadonlyMap<string, JournalEntry>): Map<string, SignedBytes> {
  return new Map(
    [...entries].flatMap(([id, { signed }]) => (signed === null ? [] : [[id, signed]])),
  );
}

function unsignedOf(
  signings: readonly Signing[],
  entries: ReadonlyMap<string, JournalEntry>,
): { keyId: string; entry: JournalEntry }[] {
  return signings.flatMap(({ requestId, keyId }) => {
    const entry = entries.get(requestId);
    return entry === undefined || entry.signed !== null ? [] : [{ keyId, entry }];
  });
}

async function writeRefusals(
  journal: Db,
  orders: readonly Order[],
  refusals: ReadonlyMap<string, SigningRefusal>,
): Promise<void> {
  if (refusals.size === 0) return;
  const rows = orders.flatMap(({ requestId, txId, tx: { intentId } }) => {
    const refusal = refusals.get(requestId);
    return refusal === undefined ? [] : [{ requestId, txId, intentId, ...refusal }];
  });
  await inTransaction(journal, (sql) => refusalsInsert(sql, rows));
}

function logRefusals(
  log: Log,
  orders: readonly Order[],
  refusals: ReadonlyMap<string, SigningRefusal>,
): void {
  for (const order of orders) {
    const refusal = refusals.get(order.requestId);
    if (refusal === undefined) continue;
    log.warn({ ...fieldsOf(order), code: refusal.code }, `refused to sign: ${refusal.message}`);
  }
}

function fieldsOf(order: Order): LogFields {
  const { tx, slot } = order;
  return {
    signatureRequestId: order.requestId,
    txId: order.txId,
    tenantId: tx.tenantId,
    ...(tx.ownerKind === 'withdrawal' ? { withdrawalId: tx.ownerId } : { ownerId: tx.ownerId }),
    idempotencyKey: tx.idempotencyKey,
    nonceKey: nonceKey(slot.chainId, slot.from, slot.nonce),
    correlationId: tx.correlationId,
  };
}
