import { inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeAudit, writeEvents } from '../../../base/event/index.ts';
import { isRefusal, isUuid, type Refusal, refuse, Transient } from '../../../base/kernel/index.ts';
import { rolesWith } from '../../../books/access/index.ts';
import {
  type Break,
  type BreakKind,
  insertAction,
  lockBreak,
  readBreaks,
  setResolved,
} from '../../../books/breaks/index.ts';
import { confirm, propose, readProposals, type Speaker } from '../../../books/proposal/index.ts';
import type { BreakContext, BreakOwner } from './context.ts';
import { adjustmentsProbe, planAdjustments } from './decide-adjust.ts';
import { type Order, parseOrder, storeAdjustment } from './form.ts';
import { type BreakView, readViews } from './view.ts';

type Said = { breakId: string; by: Speaker; correlationId: string } & Order;

/** Whose reserves wait for the decision. */
const OWNED: readonly BreakKind[] = ['effect_mismatch', 'foreign_payment'];

const NO_BREAK = refuse('not_found', 'There is no break with this id for this tenant.');

/**
 * Breaks and their exit: two persons say the same, and then what they said is done
 * by the ledger's own transfers, with their evidence, in one transaction. Nothing is done on one word.
 */
export class BreakService {
  readonly #context: BreakContext;

  constructor(context: BreakContext) {
    this.#context = context;
  }

  async list(
    tenantId: string,
    filter: { state?: 'open' | 'resolved' },
    page: { limit: number; before: string | null },
  ): Promise<BreakView[]> {
    const found = await readBreaks(this.#context.db, { tenantId, ...filter, ...page });
    return readViews(this.#context, found);
  }

  async get(tenantId: string, id: string): Promise<BreakView | null> {
    const found = await this.#find(tenantId, id);
    return found === null ? null : (await readViews(this.#context, [found]))[0]!;
  }

  /**
   * The first word is kept, the same word by another person is carried out. Said by one twice it is one word; with
   * other content it takes the place of what was said before. Throws Transient where another decided meanwhile.
   */
  async resolve(
    tenantId: string,
    id: string,
    request: { by: Speaker; body: unknown; correlationId: string },
  ): Promise<{ kind: 'proposed' | 'done'; view: BreakView } | Refusal> {
    const { db, assets } = this.#context;
    const found = await this.#find(tenantId, id);
    if (found === null) return NO_BREAK;
    const order = parseOrder(assets, found, request.body);
    if (isRefusal(order)) return order;
    const said: Said = { ...order, breakId: id, ...request };
    const refusal = await this.#judge(found, order);
    if (refusal !== null) return refusal;
    const subject = subjectOf(id);
    await propose(db, wordOf(said));
    const proposal = (await readProposals(db, [subject])).get(subject);
    const second =
      proposal?.content === order.content && proposal.proposedBy !== request.by.personId;
    const late = second ? await this.#act(found, said) : null;
    if (late !== null) return late;
    const view = await this.get(tenantId, id);
    return { kind: second ? 'done' : 'proposed', view: view! };
  }

  async #find(tenantId: string, id: string): Promise<Break | null> {
    if (!isUuid(id)) return null;
    return (await readBreaks(this.#context.db, { tenantId, id, limit: 1 }))[0] ?? null;
  }

  #ownerOf(found: Break): BreakOwner | null {
    return found.owner === null ? null : (this.#context.owners[found.owner.kind] ?? null);
  }

  async #judge(found: Break, { action }: Order): Promise<Refusal | null> {
    // Only a commit that was decided here can be reversed here.
    if ((found.resolvedAt !== null) !== (action === 'reverse')) {
      const state = found.resolvedAt === null ? 'open' : 'resolved';
      return refuse('break_not_resolvable', `The break is ${state}: ${action} is not possible.`);
    }
    if (action === 'adjust') return null;
    const owner = this.#ownerOf(found);
    if (!OWNED.includes(found.kind) || owner === null) {
      const detail = `A break of kind ${found.kind} is resolved by adjust; ${action} is not possible.`;
      return refuse('break_not_resolvable', detail);
    }
    return owner.judge(found.owner!.id, action);
  }

  #act(found: Break, said: Said): Promise<Refusal | null> {
    const finish = (sql: Sql, transferIds: string[]) => this.#finish(sql, found, said, transferIds);
    const { action } = said;
    if (action === 'adjust') return this.#adjust(found, said, finish);
    return this.#ownerOf(found)!.resolve(found.owner!.id, action, finish);
  }

  async #adjust(
    found: Break,
    said: Said,
    finish: (sql: Sql, transferIds: string[]) => Promise<void>,
  ): Promise<Refusal | null> {
    const { db, ledger } = this.#context;
    const about = { ...found, correlationId: said.correlationId };
    const probe = adjustmentsProbe(about, said.adjustments);
    await ledger.open(probe);
    return inTransaction(db, async (sql) => {
      const balanceOf = await ledger.lock(sql, probe);
      const transfers = planAdjustments(about, said.adjustments, balanceOf);
      if ('short' in transfers) return refuse('break_not_resolvable', transfers.short);
      await finish(sql, await ledger.post(sql, transfers));
      return null;
    });
  }

  /** The last part of the act: uses the first word up, and keeps what was decided. */
  async #finish(sql: Sql, found: Break, said: Said, transferIds: string[]): Promise<void> {
    const { breakId, by, action, evidence, adjustments } = said;
    const locked = await lockBreak(sql, breakId);
    const proposedBy = await confirm(sql, wordOf(said));
    const timesOf = (one: Break | null) => [one?.openedAt.getTime(), one?.resolvedAt?.getTime()];
    // Found again meanwhile it is open again: nobody has spoken about that.
    if (proposedBy === null || timesOf(locked).join() !== timesOf(found).join()) {
      throw new Transient(`break ${breakId} was decided about meanwhile`);
    }
    await insertAction(sql, {
      ...{ breakId, action, evidence, transferIds, proposedBy, confirmedBy: by.personId },
      adjustments: adjustments.map(storeAdjustment),
    });
    const owner = this.#ownerOf(found);
    const resolved = owner === null || !(await owner.isUnderWay(sql, found.owner!.id));
    await setResolved(sql, breakId, resolved);
    await writeEvents(sql, [
      {
        tenantId: found.tenantId,
        type: resolved ? 'break.resolved' : 'break.decided',
        subjectId: found.subjectId,
        correlationId: said.correlationId,
        data: { breakId, action, proposedBy, confirmedBy: by.personId },
      },
    ]);
    await writeAudit(sql, [
      {
        tenantId: found.tenantId,
        action: `break.${action}`,
        actor: `person ${by.personId}`,
        subject: breakId,
        correlationId: said.correlationId,
        detail: {
          evidence,
          adjustments: adjustments.map(storeAdjustment),
          transferIds,
          proposedBy,
        },
      },
    ]);
  }
}

const subjectOf = (breakId: string) => `break:${breakId}`;
const wordOf = ({ breakId, content, by }: Said) => ({
  ...{ subject: subjectOf(breakId), content, by },
  roles: rolesWith('admin:breaks'),
});
