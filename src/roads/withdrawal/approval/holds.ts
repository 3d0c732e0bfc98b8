import type { Db } from '../../../base/db/index.ts';
import { isRefusal, parseForm, type Refusal } from '../../../base/kernel/index.ts';
import { answerHold, type Hold, listWaitingHolds } from '../../../books/policy/index.ts';

export type HoldView = {
  id: string;
  withdrawalId: string;
  hold: string;
  /** The rule that asks for it. */
  rule: string;
  status: 'waiting' | 'cleared' | 'rejected' | 'expired' | 'cancelled';
  answeredBy: string | null;
  reason: string | null;
  expiresAt: string;
  createdAt: string;
};

const KNOWN = new Set(['reason']);

/** Holds for the party that clears them. */
export class HoldService {
  readonly #db: Db;

  constructor({ db }: { db: Db }) {
    this.#db = db;
  }

  async list(
    tenantId: string,
    page: { limit: number; before: string | null },
  ): Promise<HoldView[]> {
    return (await listWaitingHolds(this.#db, tenantId, page)).map(viewOf);
  }

  /** Once; the same answer again changes nothing. A rejection needs a reason. */
  async answer(
    tenantId: string,
    holdId: string,
    said: { answer: 'cleared' | 'rejected'; body: unknown; by: string },
  ): Promise<HoldView | Refusal> {
    const { answer, by } = said;
    const form = parseForm(said.body ?? {}, KNOWN, (fields) => ({
      reason: fields.label('reason', answer === 'cleared'),
    }));
    if (isRefusal(form)) return form;
    const { reason } = form;
    const hold = await answerHold(this.#db, { tenantId, holdId, answer, by, reason });
    return isRefusal(hold) ? hold : viewOf(hold);
  }
}

function viewOf(hold: Hold): HoldView {
  return {
    id: hold.holdId,
    withdrawalId: hold.subjectId,
    hold: hold.gate,
    rule: hold.rule,
    status: hold.answer ?? 'waiting',
    answeredBy: hold.answeredBy,
    reason: hold.reason,
    expiresAt: hold.expiresAt.toISOString(),
    createdAt: hold.createdAt.toISOString(),
  };
}
