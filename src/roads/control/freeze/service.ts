import type { Assets, ChainSettings } from '../../../base/config/index.ts';
import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeAudit, writeEvents } from '../../../base/event/index.ts';
import { isRefusal, isUuid, type Log, type Refusal, refuse } from '../../../base/kernel/index.ts';
import { listTenants, rolesWith } from '../../../books/access/index.ts';
import {
  type Freeze,
  type FreezeScope,
  insertFreeze,
  insertLift,
  readFreezes,
} from '../../../books/freeze/index.ts';
import {
  confirm,
  forget,
  propose,
  readProposals,
  type Speaker,
} from '../../../books/proposal/index.ts';
import { readLanes } from '../../../books/tx/index.ts';
import { parseFreeze, parseLift } from './form.ts';

export type FreezeView = {
  id: string;
  scope: FreezeScope;
  /** The id of the chain, wallet or asset; null where the scope says it all. */
  subject: string | null;
  reason: string;
  /** Persons by their ids. */
  frozenBy: string;
  frozenAt: string;
  /** What one person said towards its end, and another has not. */
  proposal: { reason: string; proposedBy: string; proposedAt: string } | null;
  lifted: { reason: string; proposedBy: string; confirmedBy: string; at: string } | null;
};

export type FreezeOrder = {
  by: Speaker;
  body: unknown;
  correlationId: string;
};

type FreezeContext = {
  db: Db;
  assets: Assets;
  chains: readonly Pick<ChainSettings, 'id' | 'chainId'>[];
  log: Log;
};

const NO_FREEZE = refuse('not_found', 'There is no freeze with this id for this tenant.');
const ELSEWHERE = refuse(
  'freeze_elsewhere',
  'Another tenant placed the freeze, and two persons of that lift it.',
);

/** Stops at once by one person's word; goes on by two. */
export class FreezeService {
  readonly #context: FreezeContext;

  constructor(context: FreezeContext) {
    this.#context = context;
  }

  async list(
    tenantId: string,
    filter: { state?: 'standing' | 'lifted' },
    page: { limit: number; before: string | null },
  ): Promise<FreezeView[]> {
    const standing = filter.state === undefined ? {} : { standing: filter.state === 'standing' };
    return this.#views(await readFreezes(this.#context.db, { tenantId, ...standing, ...page }));
  }

  /** From the COMMIT on no signer claims what it covers. Repeated, it answers the freeze that stands. */
  async freeze(order: FreezeOrder): Promise<{ placed: boolean; view: FreezeView } | Refusal> {
    const { db, chains, assets, log } = this.#context;
    const { tenantId, personId } = order.by;
    const { correlationId } = order;
    const lanes = (await readLanes(db)).filter((lane) => lane.tenantId === tenantId);
    // Who has no wallet on a chain has no say about it.
    const here = chains.filter(({ chainId }) => lanes.some((lane) => lane.chainId === chainId));
    const word = parseFreeze(order.body, {
      tenantId,
      chains: here,
      assets,
      laneIds: lanes.map(({ laneId }) => laneId),
    });
    if (isRefusal(word)) return word;
    const by = { reason: word.reason, by: personId };
    const placing = { ...by, tenantId };
    const { id, placed } = await inTransaction(db, async (sql) => {
      let made = await insertFreeze(sql, word.target, placing);
      if (!made.placed) {
        // Whoever says it again means it: what was said towards its end was said before. Behind a lift that was under
        // way it is placed anew.
        await forget(sql, subjectOf(made.id));
        made = await insertFreeze(sql, word.target, placing);
      }
      if (made.placed) await this.#tell(sql, made.id, order, 'freeze.placed', by);
      return made;
    });
    const view = await this.#view(tenantId, id);
    const { scope, subject } = view!;
    if (placed) log.warn({ freezeId: id, scope, subject, ...by, correlationId }, 'frozen');
    return { placed, view: view! };
  }

  /**
   * The same words by a second person lift it; other words take the place of the first. Only who placed it for its
   * tenant, or others of that, know what it was for.
   */
  async lift(
    id: string,
    order: FreezeOrder,
  ): Promise<{ kind: 'proposed' | 'lifted'; view: FreezeView } | Refusal> {
    const { db, log } = this.#context;
    const { by, correlationId } = order;
    const { tenantId, personId } = by;
    const [found] = isUuid(id) ? await readFreezes(db, { tenantId, id, limit: 1 }) : [];
    if (found === undefined) return NO_FREEZE;
    if (found.placedFor !== null && found.placedFor !== tenantId) return ELSEWHERE;
    const form = parseLift(order.body);
    if (isRefusal(form)) return form;
    if (found.lift === null) {
      const word = {
        subject: subjectOf(id),
        content: JSON.stringify(form),
        by,
        roles: rolesWith('admin:freeze'),
      };
      const done = await inTransaction(db, async (sql) => {
        await propose(sql, word);
        const proposedBy = await confirm(sql, word);
        if (proposedBy === null) return null;
        const lift = { ...form, proposedBy, confirmedBy: personId };
        if (await insertLift(sql, id, lift))
          await this.#tell(sql, id, order, 'freeze.lifted', lift);
        return lift;
      });
      if (done !== null) log.warn({ freezeId: id, ...done, correlationId }, 'a freeze was lifted');
    }
    const view = (await this.#view(tenantId, id))!;
    return { kind: view.lifted === null ? 'proposed' : 'lifted', view };
  }

  /** To the tenant that it is about, or to all. */
  async #tell(
    sql: Sql,
    id: string,
    { by, correlationId }: FreezeOrder,
    type: 'freeze.placed' | 'freeze.lifted',
    word: Record<string, unknown>,
  ): Promise<void> {
    const { tenantId, personId } = by;
    const [freeze] = await readFreezes(sql, { tenantId, id, limit: 1 });
    const { scope } = freeze!;
    const own = scope === 'tenant' || scope === 'wallet';
    const told = own ? [tenantId] : (await listTenants(sql)).map((tenant) => tenant.tenantId);
    const data = { scope, subject: this.#subject(freeze!), ...word };
    const act = { action: type, actor: `person ${personId}`, subject: id, correlationId };
    await writeAudit(sql, [{ ...act, tenantId: own ? tenantId : null, detail: data }]);
    await writeEvents(
      sql,
      told.map((one) => ({ tenantId: one, type, subjectId: id, correlationId, data })),
    );
  }

  async #view(tenantId: string, id: string): Promise<FreezeView | null> {
    const found = await readFreezes(this.#context.db, { tenantId, id, limit: 1 });
    return (await this.#views(found))[0] ?? null;
  }

  async #views(freezes: readonly Freeze[]): Promise<FreezeView[]> {
    const subjects = freezes.map(({ id }) => subjectOf(id));
    const proposals = await readProposals(this.#context.db, subjects);
    return freezes.map((freeze) => {
      const { id, scope, reason, frozenBy, at, lift } = freeze;
      const said = proposals.get(subjectOf(id));
      return {
        ...{ id, scope, subject: this.#subject(freeze), reason, frozenBy },
        frozenAt: at.toISOString(),
        proposal:
          said === undefined
            ? null
            : {
                reason: (JSON.parse(said.content) as { reason: string }).reason,
                proposedBy: said.proposedBy,
                proposedAt: said.proposedAt.toISOString(),
              },
        lifted: lift === null ? null : { ...lift, at: lift.at.toISOString() },
      };
    });
  }

  #subject({ chainId, laneId, asset }: Freeze): string | null {
    const { chains, assets } = this.#context;
    if (laneId !== null) return String(laneId);
    if (asset !== null) return assets.find(asset)?.id ?? asset;
    if (chainId === null) return null;
    return chains.find((one) => one.chainId === chainId)?.id ?? String(chainId);
  }
}

const subjectOf = (id: string) => `freeze:${id}`;
