import { dbErrorKind, type Sql } from '../../base/db/index.ts';
import { messageOf, Transient, UnknownOutcome } from '../../base/kernel/index.ts';
import { giveOut, handOverLate, readOrders, recordOrders, type SignerContext } from './answer.ts';
import type { Order } from './grammar.ts';
import { Frozen } from './handshake/handshake.ts';
import type { Main } from './handshake/judge.ts';
import { claimAbandoned, claimOpen, type Watermark } from './orders.ts';
import type { Owed, Signed } from './sign.ts';

export type Batch = {
  claimed: number;
  signed: number;
  refused: number;
  /** Claimed and not answered, since a database was not reachable: to be tried again. */
  unfinished: string[];
  /** Signatures that slow keys still owe. */
  owed: Owed[];
};

/** A claim of this age without a signature is a dead signer's. */
const TAKE_OVER_AFTER_MS = 30_000;

/** Signs what is in the journal and hands it over; never throws. */
type Give = () => Promise<Batch>;
/** Claimed and read. `begin` judges and records it; neither throws. */
type Claimed = { claimed: number; begin(): Promise<Give> };

/** Claims up to `limit` open orders and answers each with signed bytes or a refusal; none while frozen. */
export async function signBatch(context: SignerContext, limit: number): Promise<Batch> {
  return answerAll(await claimOpenBatch(context, limit));
}

/** Batches after which a signer looks at the rest of what it has to do. */
const ON_END = 8;

/**
 * Batch after batch while there are full ones: the next is claimed and read while one before it is judged and recorded,
 * and one before that is signed and handed over, so that neither this process nor its databases stand still. Batches are
 * recorded and handed over in the order in which they were claimed; `keep` is told each, and says whether to go on.
 * Throws what a claim throws, after what was under way. A crash leaves three batches where it left one.
 */
export async function signOpen(
  context: SignerContext,
  limit: number,
  keep: (batch: Batch) => boolean,
): Promise<'more' | 'idle'> {
  let goesOn = true;
  let begun: Promise<unknown> = Promise.resolve();
  let given: Promise<void> = Promise.resolve();
  let givenBefore = given;
  try {
    for (let n = 0; n < ON_END && goesOn; n += 1) {
      const { claimed, begin } = await claimOpenBatch(context, limit);
      const begunBefore = begun;
      const giving = begunBefore.then(begin);
      begun = giving;
      const before = given;
      given = Promise.all([giving, before]).then(async ([give]) => {
        goesOn = keep(await give()) && goesOn;
      });
      if (claimed < limit) return 'idle';
      // No fourth batch in hand.
      await Promise.all([begunBefore, givenBefore]);
      givenBefore = before;
    }
    return 'more';
  } finally {
    await given;
  }
}

function claimOpenBatch(context: SignerContext, limit: number): Promise<Claimed> {
  const { main, name } = context;
  return claimAndRead(context, (guard) => claimOpen(main, name, limit, guard));
}

async function answerAll({ begin }: Claimed): Promise<Batch> {
  const give = await begin();
  return give();
}

/** The same for orders whose signer died. */
export async function takeOverBatch(
  context: SignerContext,
  options: { limit: number; watermark: Watermark; olderThanMs?: number },
): Promise<Batch> {
  const claimed = await claimAndRead(context, async (guard) => {
    const ids = await claimAbandoned(context.main, context.name, {
      olderThanMs: TAKE_OVER_AFTER_MS,
      guard,
      ...options,
    });
    if (ids.length > 0) context.log.warn({ orders: ids.length }, 'took over abandoned orders');
    return ids;
  });
  return answerAll(claimed);
}

async function claimAndRead(
  context: SignerContext,
  claim: (guard: (sql: Sql) => Promise<void>) => Promise<string[]>,
): Promise<Claimed> {
  const { handshake } = context;
  let main: Main | null = null;
  let ids: string[];
  try {
    await handshake.check();
    ids = await claim(async (sql) => {
      main = await handshake.atClaim(sql);
    });
  } catch (error) {
    if (!(error instanceof Frozen)) throw error;
    if (!handshake.frozen) await handshake.confirm();
    return { claimed: 0, begin: async () => async () => batchOf([], {}) };
  }
  // A crash here leaves claims without signatures: they count as signed and are taken over.
  if (main === null || ids.length === 0) {
    return { claimed: ids.length, begin: async () => async () => batchOf(ids, {}) };
  }
  const read = { main, orders: readOrders(context, ids) };
  // What it throws is told where the batch begins, in its turn.
  await read.orders.catch(() => {});
  return { claimed: ids.length, begin: () => begin(context, ids, read) };
}

function batchOf(ids: readonly string[], done: Partial<Batch>): Batch {
  return { claimed: ids.length, signed: 0, refused: 0, unfinished: [], owed: [], ...done };
}

/**
 * Answers orders that were claimed before; safe to repeat with the same ids at any time and by several signers
 * at once. Never throws for a database that is away, nor while frozen: the orders are `unfinished`.
 */
export async function signClaimed(context: SignerContext, ids: readonly string[]): Promise<Batch> {
  if (ids.length === 0) return batchOf(ids, {});
  try {
    return await answerClaimed(context, ids, await context.handshake.look());
  } catch (error) {
    if (!(error instanceof Frozen)) tellWaiting(context, error, ids.length);
    return batchOf(ids, { unfinished: [...ids] });
  }
}

/** Hands over what slow keys have paid. Never throws: what could not be handed over is `unfinished`. */
export async function signLate(context: SignerContext, late: readonly Signed[]): Promise<Batch> {
  const ids = late.map(({ requestId }) => requestId);
  if (ids.length === 0) return batchOf(ids, {});
  try {
    await handOverLate(context, late, await context.handshake.look());
    return batchOf(ids, { signed: ids.length });
  } catch (error) {
    if (!(error instanceof Frozen)) tellWaiting(context, error, ids.length);
    return batchOf(ids, { unfinished: ids });
  }
}

function answerClaimed(context: SignerContext, ids: readonly string[], main: Main): Promise<Batch> {
  return begin(context, ids, { main, orders: readOrders(context, ids) }).then((give) => give());
}

/** Judges and records; it never throws, nor does what is left to do. */
async function begin(
  context: SignerContext,
  ids: readonly string[],
  { main, orders }: { main: Main; orders: Promise<Order[]> },
): Promise<Give> {
  try {
    const recorded = await recordOrders(context, await orders, main);
    return async () => {
      try {
        return batchOf(ids, await giveOut(context, recorded));
      } catch (error) {
        return afterFailure(context, ids, { main, error });
      }
    };
  } catch (error) {
    const batch = await afterFailure(context, ids, { main, error });
    return async () => batch;
  }
}

/** Never throws. An order that breaks a statement is found by halving and left claimed, with an error in the log. */
async function afterFailure(
  context: SignerContext,
  ids: readonly string[],
  { main, error }: { main: Main; error: unknown },
): Promise<Batch> {
  if (error instanceof Frozen) {
    await context.handshake.confirm().catch((failed) => tellWaiting(context, failed, ids.length));
    return batchOf(ids, { unfinished: [...ids] });
  }
  if (mayPass(error)) {
    tellWaiting(context, error, ids.length);
    return batchOf(ids, { unfinished: [...ids] });
  }
  if (ids.length === 1) {
    context.log.error(
      { signatureRequestId: ids[0], error: messageOf(error) },
      'an order can not be worked on',
    );
    return batchOf(ids, {});
  }
  const half = Math.ceil(ids.length / 2);
  const first = await answerClaimed(context, ids.slice(0, half), main);
  const second = await answerClaimed(context, ids.slice(half), main);
  return batchOf(ids, {
    signed: first.signed + second.signed,
    refused: first.refused + second.refused,
    unfinished: [...first.unfinished, ...second.unfinished],
    owed: [...first.owed, ...second.owed],
  });
}

/** A full disk, a server in recovery or read-only: of the server's classes of errors, those that are no order's. */
function mayPass(error: unknown): boolean {
  if (error instanceof Transient || error instanceof UnknownOutcome) return true;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^(25006|3D000|(53|55|57|58)...)$/.test(code);
}

/** A connection that is lost is told by the log alone; what a person has to mend is told to them too. */
export function tellWaiting(
  { handshake, log }: SignerContext,
  error: unknown,
  orders: number,
): void {
  const lost = dbErrorKind(error) === 'lost' || dbErrorKind((error as Error).cause) === 'lost';
  if (!lost && !(error instanceof UnknownOutcome)) handshake.telling.waits(messageOf(error));
  log.warn({ orders, error: messageOf(error) }, 'signing waits');
}
