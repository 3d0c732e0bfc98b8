import { inTransaction } from '../../../base/db/index.ts';
import type { SignerContext } from '../answer.ts';
import { requirementOf } from '../approvals/check.ts';
import { withApprovals } from '../approvals/rows.ts';
import { check, type SigningRefusal } from '../check.ts';
import { type Order, rebuildIntent, type Signing } from '../grammar.ts';
import { headGetForUpdate } from '../handshake/journal-head.ts';
import { effectsOfToday, refusalsInsert } from '../journal.ts';
import { judgeWindows } from '../limits/judge.ts';
import { windowsHold } from '../limits/rows.ts';
import { moveKindOf } from '../moves/check.ts';
import { questionsGet } from '../orders.ts';
import { laneKey, limitKey, type SigningRules } from '../rules.ts';
import { type Answer, answersGive } from './answers.ts';
import { boundIntents, promise, promised } from './promises.ts';

/** An order judged by all that does not need a journal's lock. */
type Judged = { order: Order; signing: Signing | null; refusal: SigningRefusal | null };

/**
 * Says of transactions that have no slot whether it would sign their effect now; what it refuses so never stands in a
 * lane. Nothing is journaled or signed for it, and whoever gets a slot is judged again. Unanswered stay those that
 * have to wait, and those whose intent has a slot already: a main database put back may not know it. Returns how many
 * were answered, and whether there may be more.
 * A crash between journal and answer leaves refusals noted and promises made, for a question that is judged again.
 */
export async function judgeQuestions(
  context: SignerContext,
  limit: number,
): Promise<{ answered: number; more: boolean }> {
  const questions = await questionsGet(context.main, limit);
  if (questions.length === 0) return { answered: 0, more: false };
  const open = questions.filter((question) => question.open);
  const orders = await withApprovals(
    context.main,
    context.rules,
    open.map(({ order }) => asIfSlotted(order)),
  );
  const refusals = await judgeOpen(context, orders);
  const answers = questions.flatMap(({ order: { txId }, question, open }): Answer[] => {
    if (!open) return [{ txId, question, refusal: null }];
    const refusal = refusals.get(txId);
    return refusal === undefined ? [] : [{ txId, question, refusal }];
  });
  if (answers.length > 0) await answersGive(context.main, answers);
  return { answered: answers.length, more: questions.length === limit && answers.length > 0 };
}

/** With the effect that a slot of this lane would have; of a broken intent it is refused for that. */
function asIfSlotted(order: Order): Order {
  const effectDigest = rebuildIntent(order)?.digest ?? order.slot.effectDigest;
  return { ...order, slot: { ...order.slot, effectDigest } };
}

/** By tx what is refused, null for a yes; without those that wait. */
async function judgeOpen(
  context: SignerContext,
  orders: readonly Order[],
): Promise<Map<string, SigningRefusal | null>> {
  const { rules, journal, time } = context;
  if (orders.length === 0) return new Map();
  const intents = orders.map(({ tx }) => tx.intentId);
  const clocked = orders.some((order) => requirementOf(rules, order) !== null);
  const now = clocked ? await time.now() : null;
  return inTransaction(journal, async (sql) => {
    // The lock of whoever signs, for as long as a few look-ups take: a promise counts until its signature does.
    if (rules.limits.size > 0) await headGetForUpdate(sql);
    const bound = await boundIntents(sql, intents);
    const topUps = await effectsOfToday(
      sql,
      orders.filter((order) => moveKindOf(order) === 'topup').map(({ slot }) => slot),
    );
    const judged = orders
      .filter(({ tx }) => !bound.has(tx.intentId))
      .flatMap((order) => judgeOne(rules, order, { topUps, time: now }));
    const over = rules.limits.size === 0 ? new Map() : await count(sql, rules, judged);
    const said = new Map(
      judged.map(({ order: { txId }, refusal }) => [txId, refusal ?? over.get(txId) ?? null]),
    );
    await note(context, sql, orders, said);
    return said;
  });
}

/** Nothing where it waits. */
function judgeOne(
  rules: SigningRules,
  order: Order,
  { topUps, time }: Pick<Parameters<typeof check>[2], 'time'> & { topUps: Map<string, number> },
): Judged[] {
  const lane = laneKey(order.slot.chainId, order.slot.from);
  const begun = topUps.get(lane) ?? 0;
  const remembered = { newerFrom: null, effectSigned: false, topUps: begun, time };
  const verdict = check(rules, order, remembered);
  if (verdict.kind === 'wait') return [];
  if (verdict.kind === 'refusal') return [{ order, signing: null, refusal: verdict }];
  if (moveKindOf(order) === 'topup') topUps.set(lane, begun + 1);
  return [{ order, signing: verdict.signing, refusal: null }];
}

/** Holds what was let through so far against the windows, and promises what fits them. Refusals by tx. */
async function count(
  sql: Parameters<typeof promise>[0],
  rules: SigningRules,
  judged: readonly Judged[],
): Promise<Map<string, SigningRefusal>> {
  const limited = judged.flatMap(({ signing }) =>
    signing === null || signing.spends.length === 0 ? [] : [signing],
  );
  if (limited.length === 0) return new Map();
  const keys = [...new Set(limited.flatMap(({ spends }) => spends.map(limitKey)))];
  const windows = await windowsHold(
    sql,
    keys.map((key) => rules.limits.get(key)!),
  );
  const others = await promised(
    sql,
    limited.map(({ intentId }) => intentId),
  );
  const held = new Map(
    [...windows].map(([key, sums]) => [key, sums.map((sum) => sum + (others.get(key) ?? 0n))]),
  );
  const { refused } = judgeWindows(rules.limits, limited, { held, before: new Map() });
  await promise(
    sql,
    limited.filter(({ requestId }) => !refused.has(requestId)),
  );
  return refused;
}

async function note(
  { log }: SignerContext,
  sql: Parameters<typeof promise>[0],
  orders: readonly Order[],
  said: ReadonlyMap<string, SigningRefusal | null>,
): Promise<void> {
  const refused = orders.flatMap(({ txId, tx, slot }) => {
    const refusal = said.get(txId) ?? null;
    return refusal === null ? [] : [{ txId, tx, slot, refusal }];
  });
  if (refused.length === 0) return;
  await refusalsInsert(
    sql,
    refused.map(({ txId, tx: { intentId }, refusal }) => {
      return { requestId: null, txId, intentId, ...refusal };
    }),
  );
  for (const { txId, tx, refusal } of refused) {
    const { tenantId, ownerKind, ownerId, idempotencyKey, correlationId } = tx;
    const owner = ownerKind === 'withdrawal' ? { withdrawalId: ownerId } : { ownerId };
    const fields = { txId, tenantId, ...owner, idempotencyKey, correlationId, code: refusal.code };
    log.warn(fields, `would refuse to sign: ${refusal.message}`);
  }
}
