import type { FeeSettings } from '../../base/config/index.ts';
import { afterCommit, type Db } from '../../base/db/index.ts';
import { type Clock, isUuid, type Refusal, refuse } from '../../base/kernel/index.ts';
import type { Ledger } from '../../books/ledger/index.ts';
import type { WithdrawalContext } from './context.ts';
import { type PreviewView, previewWithdrawal } from './decision/preview.ts';
import { Intake, type IntakeResult } from './intake/intake.ts';
import type { RequestRules, WithdrawalRequest } from './intake/request.ts';
import { type SpeedUpRequest, speedUpWithdrawal } from './speed-up/speed-up.ts';
import { cancelWithdrawal } from './stop/cancel.ts';
import type { PublicStatus, Verdict, WithdrawalFilter, WithdrawalView } from './types.ts';
import { findIds } from './view/list.ts';
import { newView, readStoredRefusals, readViews } from './view/view.ts';
import { Waiters } from './view/waiters.ts';

const NOT_FOUND = refuse('not_found', 'There is no withdrawal with this id.');

/** Rows a look when most of them may be narrowed away. */
const LEAST_LOOK = 200;

/** What a client may do with withdrawals; one object per process. */
export class WithdrawalService {
  readonly #context: WithdrawalContext & {
    fees: ReadonlyMap<number, FeeSettings>;
    rules: RequestRules;
  };
  readonly #intake: Intake;
  readonly #waiters: Waiters;

  constructor(
    context: WithdrawalContext & {
      db: Db;
      ledger: Ledger;
      rules: RequestRules;
      /** By chain id. */
      fees: ReadonlyMap<number, FeeSettings>;
      clock: Clock;
    },
  ) {
    this.#context = context;
    this.#intake = new Intake(context);
    this.#waiters = new Waiters({
      clock: context.clock,
      read: (ids) => readViews(context.db, context, ids),
    });
  }

  /**
   * Takes requests, each on its own; a batch item and a single request with one key are the same
   * withdrawal. Throws Transient (nothing happened) or UnknownOutcome (ask again with the same key).
   */
  async submit(tenantId: string, requests: readonly WithdrawalRequest[]): Promise<Verdict[]> {
    const results = await this.#intake.submit(tenantId, requests);
    return afterCommit(this.#verdicts(results));
  }

  async #verdicts(results: readonly IntakeResult[]): Promise<Verdict[]> {
    if (results.every((result) => result.kind === 'created')) {
      return results.map(({ order, id, createdAt }) => ({
        kind: 'created',
        view: newView(order, id, createdAt),
      }));
    }
    const replayed = results.flatMap((result) => (result.kind === 'replay' ? [result.id] : []));
    const views = new Map(
      (await readViews(this.#context.db, this.#context, replayed)).map((view) => [view.id, view]),
    );
    const rejected = [...views.values()]
      .filter((view) => view.status === 'REJECTED')
      .map((view) => view.id);
    const refusals = await readStoredRefusals(this.#context.db, rejected);
    return results.map((result): Verdict => {
      if (result.kind === 'created') {
        return { kind: 'created', view: newView(result.order, result.id, result.createdAt) };
      }
      if (result.kind === 'refused')
        return { kind: 'refused', refusal: result.refusal, replayed: false };
      const refusal = refusals.get(result.id);
      return refusal === undefined
        ? { kind: 'replayed', view: views.get(result.id)! }
        : { kind: 'refused', refusal, replayed: true };
    });
  }

  async get(tenantId: string, id: string): Promise<WithdrawalView | null> {
    if (!isUuid(id)) return null;
    const { rows } = await this.#context.db.query({
      name: 'withdrawal_of_tenant',
      text: 'SELECT 1 FROM withdrawal WHERE withdrawal_id = $1 AND tenant_id = $2',
      values: [id, tenantId],
    });
    if (rows.length === 0) return null;
    return (await readViews(this.#context.db, this.#context, [id]))[0] ?? null;
  }

  /** What would become of a request now. */
  preview(
    tenantId: string,
    request: { body: unknown; correlationId: string },
  ): Promise<PreviewView | Refusal> {
    return previewWithdrawal(this.#context, { ...request, tenantId });
  }

  async list(
    tenantId: string,
    filter: WithdrawalFilter,
    page: { limit: number; before: string | null },
  ): Promise<WithdrawalView[]> {
    const { db } = this.#context;
    const { status } = filter;
    if (status === undefined) {
      return readViews(db, this.#context, await findIds(db, tenantId, filter, page));
    }
    // What is found by a status is a superset of what shows it: read on until the page is full, or a
    // page narrowed to less than its size would look like the last one.
    const limit = Math.max(page.limit, LEAST_LOOK);
    const views: WithdrawalView[] = [];
    for (let before = page.before; views.length < page.limit; ) {
      const ids = await findIds(db, tenantId, filter, { limit, before });
      const found = await readViews(db, this.#context, ids);
      views.push(...found.filter((view) => view.status === status));
      if (ids.length < limit) break;
      before = ids.at(-1)!;
    }
    return views.slice(0, page.limit);
  }

  /** The withdrawal once it is at `status` or beyond, or at any end; after the time-out, or when aborted, as it is. */
  async waitFor(
    tenantId: string,
    id: string,
    status: PublicStatus,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<WithdrawalView | null> {
    const view = await this.get(tenantId, id);
    return view === null ? null : this.#waiters.wait(view, status, timeoutMs, signal);
  }

  /** See cancelWithdrawal: at once, or by the chain's decision. */
  async cancel(tenantId: string, id: string): Promise<WithdrawalView | Refusal> {
    if ((await this.get(tenantId, id)) === null) return NOT_FOUND;
    return cancelWithdrawal(this.#context, id);
  }

  /** Asks that its transaction bid more, once for each key. */
  async speedUp(tenantId: string, id: string, request: SpeedUpRequest): Promise<Verdict> {
    if ((await this.get(tenantId, id)) === null) {
      return { kind: 'refused', refusal: NOT_FOUND, replayed: false };
    }
    return speedUpWithdrawal(this.#context, tenantId, id, request);
  }

  /** Answers everything that was accepted; called when no more requests come. */
  async drain(): Promise<void> {
    this.#waiters.releaseAll();
    await this.#intake.drain();
  }
}
