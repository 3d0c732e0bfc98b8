import { dbErrorKind, type Sql } from '../../base/db/index.ts';
import { messageOf, Transient, UnknownOutcome } from '../../base/kernel/index.ts';
import { giveOut, handOverLate, recordOrders, type SignerContext } from './answer.ts';
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

/** Claimed, judged and in the journal. `give` signs it and hands it over, and never throws. */
type Begun = { claimed: number; give(): Promise<Batch> };

/** Claims up to `limit` open orders and answers each with signed bytes or a refusal; none while frozen. */
export async function signBatch(context: SignerContext, limit: number): Promise<Batch> {
  return (await beginBatch(context, limit)).give();
}

/** Batches after which a signer looks at the rest of what it has to do. */
const ON_END = 8;

/**
 * Batch after batch while there are full ones: the next is claimed, judged and recorded while the one before it is signed
 * and handed over, so that neither this process nor its databases stand still. Batches are recorded and handed over in
 * the order in which they were claimed; `keep` is told each, and says whether to go on. Throws what a claim throws, after
 * what was under way. A crash leaves two batches where it left one.
 */
export async function signOpen(
  context: SignerContext,
  limit: number,
  keep: (batch: Batch) => boolean,
): Promise<'more' | 'idle'> {
  let goesOn = true;
  let giving = Promise.resolve();
  try {
    for (let n = 0; n < ON_END && goesOn; n += 1) {
      const { claimed, give } = await beginBatch(context, limit);
      await giving;
      giving = give().then((batch) => {
        goesOn = keep(batch) && goesOn;
      });
      if (claimed < limit) return 'idle';
    }
    return 'more';
  } finally {
    await giving;
  }
}

function beginBatch(context: SignerContext, limit: number): Promise<Begun> {
  const { main, name } = context;
  return claimAndBegin(context, (guard) => claimOpen(main, name, limit, guard));
}

/** The same for orders whose signer died. */
export async function takeOverBatch(
  context: SignerContext,
  options: { limit: number; watermark: Watermark; olderThanMs?: number },
): Promise<Batch> {
  const begun = await claimAndBegin(context, async (guard) => {
    const ids = await claimAbandoned(context.main, context.name, {
      olderThanMs: TAKE_OVER_AFTER_MS,
      guard,
      ...options,
    });
    if (ids.length > 0) context.log.warn({ orders: ids.length }, 'took over abandoned orders');
    return ids;
  });
  return begun.give();
}

async function claimAndBegin(
  context: SignerContext,
  claim: (guard: (sql: Sql) => Promise<void>) => Promise<string[]>,
): Promise<Begun> {
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
    return { claimed: 0, give: async () => batchOf([], {}) };
  }
  // A crash here leaves claims without signatures: they count as signed and are taken over.
  const give = main === null ? async () => batchOf(ids, {}) : await begin(context, ids, main);
  return { claimed: ids.length, give };
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
  return begin(context, ids, main).then((give) => give());
}

/** Judges and records; what is left to do never throws. */
async function begin(
  context: SignerContext,
  ids: readonly string[],
  main: Main,
): Promise<Begun['give']> {
  if (ids.length === 0) return async () => batchOf(ids, {});
  try {
    const recorded = await recordOrders(context, ids, main);
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
