import type { Sql } from '../../base/db/index.ts';
import type { CompiledPolicy } from './evaluate/compile.ts';
import { evaluate } from './evaluate/evaluate.ts';
import type { PolicyDecision, PolicySubject } from './evaluate/subject.ts';
import type { RulingPolicy } from './policies.ts';
import type { WindowBook, Windows } from './windows/book.ts';
import { countersTaken, holdWindows, insertCharges } from './windows/charges.ts';
import {
  counterGetForUpdate,
  idsOf,
  lockWindows,
  readWindows,
  windowsOf,
  writeCounters,
} from './windows/counters.ts';

type Asked = readonly { id: string; subject: PolicySubject }[];

/** The windows that subjects may take from, for decideBatch. */
export function windowsAsked(policy: CompiledPolicy, asked: Asked): Windows {
  return windowsOf(
    policy,
    asked.map(({ subject }) => subject),
  );
}

/** Decisions of a batch, in the transaction that holds their windows. */
type DecidedBatch = {
  /** In the order that was asked; each is made when it is taken, once, and sees what those before it took. */
  decisions: Iterable<PolicyDecision>;
  /** ms since the epoch, by the database's clock: when it was decided. */
  at: number;
  /**
   * Takes from the windows what these spend, when all are decided; whom it does not name takes nothing.
   * The decisions' ids by subject.
   */
  charge(sql: Sql, decisionIds: ReadonlyMap<string, string>): Promise<void>;
};

/**
 * Decides about subjects by a document, in their order: each sees what those before it took. Locks their windows
 * until the transaction ends: after keys, before accounts. Writes nothing before `charge`; a crash leaves nothing.
 */
export async function decideBatch(
  sql: Sql,
  policy: RulingPolicy,
  asked: Asked,
  windows: Windows = windowsAsked(policy, asked),
): Promise<DecidedBatch> {
  const book = await lockWindows(sql, windows);
  return {
    decisions: decideEach(policy, book, asked),
    at: book.at,
    async charge(own, decisionIds) {
      book.keepOnly(decisionIds);
      await insertCharges(own, book.charges, {
        decisionId: (subjectId) => decisionIds.get(subjectId)!,
        limitNo: policy.limitNo,
      });
      await writeCounters(own, book.write(policy));
    },
  };
}

function* decideEach(
  policy: CompiledPolicy,
  book: WindowBook,
  asked: Asked,
): Generator<PolicyDecision> {
  for (const { id, subject } of asked) {
    const { decision, takes } = evaluate(policy, subject, book);
    if (decision.verdict === 'allow' && !decision.waits) book.charge(id, subject, takes);
    yield decision;
  }
}

/**
 * Decides anew about subjects that were decided about before: what they took then is given back first, all in this
 * transaction. Both sets of windows are locked together, in the order of ids.
 */
export async function decideBatchAgain(
  sql: Sql,
  policy: RulingPolicy,
  asked: Asked,
  windows: Windows = windowsAsked(policy, asked),
): Promise<DecidedBatch> {
  const ids = asked.map(({ id }) => id);
  await counterGetForUpdate(sql, [
    ...new Set([...idsOf(windows), ...(await countersTaken(sql, ids))]),
  ]);
  const held = await holdWindows(sql, ids);
  await held.giveBack(sql, new Set(ids));
  return decideBatch(sql, policy, asked, windows);
}

/** What would be decided now of each by itself: without locks, so that nothing is promised. */
export async function previewDecisions(
  sql: Sql,
  policy: CompiledPolicy,
  subjects: readonly PolicySubject[],
): Promise<PolicyDecision[]> {
  const book = await readWindows(sql, windowsOf(policy, subjects));
  return subjects.map((subject) => evaluate(policy, subject, book).decision);
}
