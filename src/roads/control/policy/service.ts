import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeAudit } from '../../../base/event/index.ts';
import {
  isRefusal,
  isUuid,
  type Log,
  parseForm,
  type Refusal,
  refuse,
} from '../../../base/kernel/index.ts';
import { listTenants, rolesWith } from '../../../books/access/index.ts';
import {
  activate,
  classify,
  insertDraft,
  lockChange,
  lockEffective,
  moveChange,
  type Policy,
  type PolicyChange,
  type PolicyDiff,
  type PolicyWorld,
  policyVersion,
  readChange,
  readChanges,
  readDocument,
  storePolicy,
  strangeChains,
} from '../../../books/policy/index.ts';
import { confirm, propose, type Speaker } from '../../../books/proposal/index.ts';
import { readReason } from '../reason.ts';
import { parseDraft } from './form.ts';
import { type PolicyChangeView, viewOf } from './view.ts';

export type PolicyOrder = { by: Speaker; body: unknown; correlationId: string };

type PolicyContext = {
  db: Db;
  world: PolicyWorld;
  /** How long a change that loosens waits. */
  delayMs: number;
  log: Log;
};

const NO_CHANGE = refuse('not_found', 'There is no change of the policy with this id.');

/**
 * How a policy changes: one person drafts and proposes, another confirms. What tightens rules at once; what loosens
 * waits, and anyone who may confirm may veto it until it rules.
 */
export class PolicyService {
  readonly #context: PolicyContext;

  constructor(context: PolicyContext) {
    this.#context = context;
  }

  async list(page: { limit: number; before: string | null }): Promise<PolicyChangeView[]> {
    return (await readChanges(this.#context.db, page)).map(viewOf);
  }

  /** With its document as it was written. */
  async get(id: string): Promise<(PolicyChangeView & { document: string }) | Refusal> {
    const { db } = this.#context;
    const change = isUuid(id) ? await readChange(db, id) : null;
    if (change === null) return NO_CHANGE;
    const { document } = (await readDocument(db, change.version))!;
    return { ...viewOf(change), document };
  }

  /** What a document would change. Stores nothing. */
  async diff(body: unknown): Promise<({ version: string } & PolicyDiff) | Refusal> {
    const { db, world } = this.#context;
    const draft = parseDraft(body, world, false);
    if (isRefusal(draft)) return draft;
    return inTransaction(db, async (sql) => {
      const { diff } = await compare(sql, draft.policy);
      return { version: policyVersion(draft.policy), ...diff };
    });
  }

  async draft({ by, body, correlationId }: PolicyOrder): Promise<PolicyChangeView | Refusal> {
    const { db, world } = this.#context;
    const draft = parseDraft(body, world, true);
    if (isRefusal(draft)) return draft;
    return inTransaction(db, async (sql) => {
      const { baseVersion, diff } = await compare(sql, draft.policy);
      const version = await storePolicy(sql, draft);
      if (version === baseVersion) return refuse('policy_change_refused', 'This document rules.');
      const { tenantId, personId } = by;
      const { reason } = draft;
      const made = { tenantId, version, baseVersion, diff, reason, by: personId, correlationId };
      const id = await insertDraft(sql, made);
      const { effect } = diff;
      await auditPolicy(sql, 'drafted', id, by, { version, baseVersion, effect, reason });
      return viewOf((await readChange(sql, id))!);
    });
  }

  /** The first person's word. Said again while it stands, also by another who may, it is the newest one's. */
  async propose(id: string, { by }: PolicyOrder): Promise<PolicyChangeView | Refusal> {
    return this.#act(id, async (sql, change) => {
      if (change.status !== 'DRAFT' && change.status !== 'PROPOSED')
        return notNow(change, 'proposed');
      await propose(sql, wordOf(change, by));
      if (change.status === 'DRAFT')
        await moveChange(sql, change, { to: 'PROPOSED', proposedBy: by.personId });
      return null;
    });
  }

  /** The second person's word: what tightens rules from now on, what loosens after the delay. */
  async confirm(id: string, { by }: PolicyOrder): Promise<PolicyChangeView | Refusal> {
    const { delayMs, log, world } = this.#context;
    return this.#act(id, async (sql, change, effective) => {
      if (change.status !== 'PROPOSED') return notNow(change, 'confirmed');
      if (change.baseVersion !== effective) {
        return refuse(
          'policy_change_refused',
          'Another version rules than the one that the change was compared with; draft it anew.',
        );
      }
      const { policy } = (await readDocument(sql, change.version))!;
      const [stranger] = strangeChains(policy, world.chains);
      if (stranger !== undefined) {
        const detail = `The configuration has no such chain any more (rule ${stranger}); draft it anew.`;
        return refuse('policy_change_refused', detail);
      }
      const confirmedBy = by.personId;
      // Whose word it was in the end: an earlier one may have fallen with its rights.
      const proposedBy = await confirm(sql, wordOf(change, by));
      if (proposedBy === null) {
        return refuse(
          'second_person_required',
          'Who proposed a change does not confirm it; where their rights have ended, propose it anew.',
        );
      }
      if (change.effect === 'loosening') {
        const words = { proposedBy, confirmedBy };
        await moveChange(sql, change, { to: 'SCHEDULED', ...words, rulesInMs: delayMs });
      } else {
        const tenantIds = (await listTenants(sql)).map(({ tenantId }) => tenantId);
        await activate(sql, change, { proposedBy, confirmedBy, tenantIds });
      }
      const { version, effect } = change;
      await auditPolicy(sql, 'confirmed', id, by, { version, effect, proposedBy });
      log.warn({ changeId: id, version, confirmedBy }, 'a policy was confirmed');
      return null;
    });
  }

  /** One person's word suffices, until it rules. */
  async veto(id: string, { by, body }: PolicyOrder): Promise<PolicyChangeView | Refusal> {
    const form = parseForm(body, new Set(['reason']), (fields) => {
      const reason = readReason(fields);
      return reason === null ? null : { reason };
    });
    if (isRefusal(form)) return form;
    return this.#act(id, async (sql, change) => {
      const ended = { by: by.personId, ...form };
      if (change.status === 'DRAFT') await moveChange(sql, change, { to: 'WITHDRAWN', ended });
      else if (change.status === 'PROPOSED' || change.status === 'SCHEDULED')
        await moveChange(sql, change, { to: 'VETOED', ended });
      else return notNow(change, 'vetoed');
      await auditPolicy(sql, 'vetoed', id, by, { version: change.version, ...form });
      this.#context.log.warn({ changeId: id, ...ended }, 'a policy was vetoed');
      return null;
    });
  }

  /** Under the locks of the version that rules and of the change, in this order. */
  async #act(
    id: string,
    act: (sql: Sql, change: PolicyChange, effective: string | null) => Promise<Refusal | null>,
  ): Promise<PolicyChangeView | Refusal> {
    if (!isUuid(id)) return NO_CHANGE;
    return inTransaction(this.#context.db, async (sql) => {
      const effective = await lockEffective(sql);
      const change = await lockChange(sql, id);
      if (change === null) return NO_CHANGE;
      return (await act(sql, change, effective)) ?? viewOf((await readChange(sql, id))!);
    });
  }
}

/** Against what rules now, which stays so until the transaction ends. */
async function compare(
  sql: Sql,
  policy: Policy,
): Promise<{ baseVersion: string | null; diff: PolicyDiff }> {
  const baseVersion = await lockEffective(sql);
  const base = baseVersion === null ? null : (await readDocument(sql, baseVersion))!.policy;
  return { baseVersion, diff: classify(base, policy) };
}

/** Of the installation: its policy is every tenant's. That one was proposed, its proposal writes. */
async function auditPolicy(
  sql: Sql,
  what: 'drafted' | 'confirmed' | 'vetoed',
  subject: string,
  { personId }: Speaker,
  detail: Record<string, unknown>,
): Promise<void> {
  const act = { tenantId: null, action: `policy.${what}`, actor: `person ${personId}`, subject };
  await writeAudit(sql, [{ ...act, detail }]);
}

function wordOf({ id, version }: PolicyChange, by: Speaker) {
  return { subject: `policy:${id}`, content: version, by, roles: rolesWith('admin:policy') };
}

function notNow({ status }: PolicyChange, what: string): Refusal {
  return refuse('policy_change_refused', `The change is ${status}: it can not be ${what}.`);
}
