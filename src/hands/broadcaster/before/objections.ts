import { ERRORS } from '../../../base/kernel/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import { readScreened, wantScreened } from '../../../books/destination/index.ts';
import { readScreeningInputs, readSuperseded } from '../../../books/policy/index.ts';
import { decideAgainTopic, type TxRow } from '../../../books/tx/index.ts';
import type { BroadcasterContext } from '../context.ts';
import { judgeRescreened, type Objection } from './decide-rescreen.ts';

/** Its owner decides about it anew, and asks again. */
const CHANGED: Objection = { kind: 'wait', reason: 'policy_changed' };
const SUPERSEDED: Objection = {
  ...{ kind: 'refused', code: 'policy_superseded', message: ERRORS.policy_superseded.title },
};

/**
 * What has come between the decision about these transactions and a slot, by transaction: a tighter policy, a risk that
 * was not known then, a verdict that is too old. Outside of any transaction; a crash leaves at most a question asked, or
 * a job that finds nothing to do.
 */
export async function readObjections(
  context: Pick<BroadcasterContext, 'db' | 'settings'>,
  txs: readonly TxRow[],
): Promise<Map<string, Objection>> {
  const superseded = await readSuperseded(
    context.db,
    txs.map(({ txId }) => txId),
  );
  const objections = await rescreen(context, txs);
  const again: TxRow[] = [];
  for (const tx of txs) {
    if (!superseded.has(tx.txId)) continue;
    const decidesAgain = tx.ownerKind === 'withdrawal';
    if (decidesAgain) again.push(tx);
    objections.set(tx.txId, decidesAgain ? CHANGED : SUPERSEDED);
  }
  await enqueue(
    context.db,
    again.map(({ ownerKind, ownerId, tenantId, correlationId }) => ({
      ...{ topic: decideAgainTopic(ownerKind), subjectId: ownerId, tenantId, trace: correlationId },
    })),
  );
  return objections;
}

/** Withdrawals alone are screened again: payments get their nonce within moments. */
async function rescreen(
  { db, settings }: Pick<BroadcasterContext, 'db' | 'settings'>,
  txs: readonly TxRow[],
): Promise<Map<string, Objection>> {
  const objections = new Map<string, Objection>();
  if (settings.screening === null) return objections;
  const screened = txs.filter(({ ownerKind }) => ownerKind === 'withdrawal');
  const places = screened.map(({ chainId, recipient: address }) => ({ chainId, address }));
  const now = await readScreened(db, places, settings.screening.maxAgeMs);
  await wantScreened(
    db,
    places.filter((_, index) => now[index]!.kind === 'wanted'),
  );
  const decided = await readScreeningInputs(
    db,
    screened.map(({ txId }) => txId),
  );
  screened.forEach(({ txId }, index) => {
    const objection = judgeRescreened(decided.get(txId) ?? null, now[index]!);
    if (objection !== null) objections.set(txId, objection);
  });
  return objections;
}
