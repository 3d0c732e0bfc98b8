import { advance, type Sql } from '../../../base/db/index.ts';
import { POLICY_CHANGE, type PolicyChangeState } from '../../../base/kernel/index.ts';
import { policyOfCanonical } from '../document/canonical.ts';
import type { Policy } from '../document/types.ts';
import type { Difference, PolicyDiff } from './classify.ts';
import type { Effect } from './reach.ts';

/** A document on its way to rule, or that ruled. Persons by their ids. */
export type PolicyChange = {
  id: string;
  tenantId: string;
  version: string;
  /** What ruled when it was drafted, and what `effect` is against; null: the configuration's tiers. */
  baseVersion: string | null;
  effect: Effect;
  tightens: boolean;
  differences: Difference[];
  reason: string;
  status: PolicyChangeState;
  draftedBy: string;
  draftedAt: Date;
  proposedBy: string | null;
  confirmedBy: string | null;
  /** From when it rules or ruled, by the database's clock. */
  effectiveAt: Date | null;
  endedBy: string | null;
  endReason: string | null;
};

const SELECT = `SELECT change_id AS id, tenant_id AS "tenantId", version, base_version AS "baseVersion", effect, tightens,
  differences, reason, status, drafted_by AS "draftedBy", created_at AS "draftedAt", proposed_by AS "proposedBy",
  confirmed_by AS "confirmedBy", effective_at AS "effectiveAt", ended_by AS "endedBy", end_reason AS "endReason"
  FROM policy_change`;

/** Newest first. */
export async function readChanges(
  sql: Sql,
  query: { limit: number; before: string | null },
): Promise<PolicyChange[]> {
  const { rows } = await sql.query<PolicyChange>({
    name: 'policy_change_list',
    text: `${SELECT} WHERE $1::uuid IS NULL OR change_id < $1 ORDER BY change_id DESC LIMIT $2`,
    values: [query.before, query.limit],
  });
  return rows;
}

export async function readChange(sql: Sql, id: string): Promise<PolicyChange | null> {
  const { rows } = await sql.query<PolicyChange>({
    name: 'policy_change_get',
    text: `${SELECT} WHERE change_id = $1`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** Locked until the transaction ends; behind the version that rules, where that is locked too. */
export async function lockChange(sql: Sql, id: string): Promise<PolicyChange | null> {
  const { rows } = await sql.query<PolicyChange>({
    name: 'policy_change_lock',
    text: `${SELECT} WHERE change_id = $1 FOR UPDATE`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** The version that rules, which stays so until the transaction ends: nobody decides or activates meanwhile. */
export async function lockEffective(sql: Sql): Promise<string | null> {
  const { rows } = await sql.query<{ version: string | null }>({
    name: 'policy_effective_lock',
    text: 'SELECT version FROM policy_effective FOR UPDATE',
  });
  return rows[0]!.version;
}

/** A stored document: what its author wrote, and what it means. */
export async function readDocument(
  sql: Sql,
  version: string,
): Promise<{ document: string; policy: Policy } | null> {
  const { rows } = await sql.query<{ document: string; canonical: string }>({
    name: 'policy_document_get',
    text: 'SELECT document, canonical FROM policy_version WHERE version = $1',
    values: [version],
  });
  const row = rows[0];
  return row === undefined
    ? null
    : { document: row.document, policy: policyOfCanonical(row.canonical) };
}

export async function insertDraft(
  sql: Sql,
  draft: {
    tenantId: string;
    version: string;
    baseVersion: string | null;
    diff: PolicyDiff;
    reason: string;
    by: string;
    correlationId: string;
  },
): Promise<string> {
  const { diff } = draft;
  const { rows } = await sql.query<{ id: string }>({
    name: 'policy_change_insert',
    text: `WITH made AS (
        INSERT INTO policy_change (tenant_id, version, base_version, effect, tightens, differences, reason, drafted_by,
          correlation_id, status)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'DRAFT') RETURNING *
      ), logged AS (
        INSERT INTO event_batch (tenant_id, type, to_state, size, subject_ids, correlation_ids, data)
        SELECT tenant_id, 'policy_change', status, 1, ARRAY[change_id], ARRAY[correlation_id],
          json_build_array(json_build_object('by', drafted_by, 'reason', reason)) FROM made
      )
      SELECT change_id AS id FROM made`,
    values: [
      draft.tenantId,
      draft.version,
      draft.baseVersion,
      diff.effect,
      diff.tightens,
      JSON.stringify(diff.differences),
      draft.reason,
      draft.by,
      draft.correlationId,
    ],
  });
  return rows[0]!.id;
}

type Step = {
  to: PolicyChangeState;
  proposedBy?: string;
  confirmedBy?: string;
  /** ms from now, by the database's clock, at which it rules. */
  rulesInMs?: number;
  ended?: { by: string | null; reason: string };
};

/** One step of a change that is locked. */
export async function moveChange(
  sql: Sql,
  { id, status }: Pick<PolicyChange, 'id' | 'status'>,
  { to, proposedBy, confirmedBy, rulesInMs, ended }: Step,
): Promise<void> {
  const effectiveAt = rulesInMs === undefined ? null : await clockIn(sql, rulesInMs);
  const data = {
    by: ended?.by ?? confirmedBy ?? proposedBy ?? null,
    reason: ended?.reason ?? null,
  };
  const set = {
    ...(proposedBy === undefined ? {} : { proposed_by: { type: 'uuid', values: [proposedBy] } }),
    ...(confirmedBy === undefined ? {} : { confirmed_by: { type: 'uuid', values: [confirmedBy] } }),
    ...(effectiveAt === null
      ? {}
      : { effective_at: { type: 'timestamptz', values: [effectiveAt] } }),
    ...(ended === undefined
      ? {}
      : {
          ended_by: { type: 'uuid', values: [ended.by] },
          end_reason: { type: 'text', values: [ended.reason] },
        }),
  };
  await advance(sql, POLICY_CHANGE, [{ id, from: status, to, data }], set);
}

async function clockIn(sql: Sql, ms: number): Promise<string> {
  const { rows } = await sql.query<{ at: string }>({
    name: 'policy_clock',
    // As text: a Date would lose the microseconds, and with them the order of two.
    text: `SELECT (clock_timestamp() + $1 * interval '1 millisecond')::text AS at`,
    values: [ms],
  });
  return rows[0]!.at;
}

/** The one that rules; null: none was ever confirmed. */
export async function lockRuling(sql: Sql): Promise<PolicyChange | null> {
  const { rows } = await sql.query<PolicyChange>({
    name: 'policy_change_ruling',
    text: `${SELECT} WHERE status = 'EFFECTIVE' FOR UPDATE`,
  });
  return rows[0] ?? null;
}

/** Scheduled, and their time has come by the database's clock; the earliest first. */
export async function readDueChanges(sql: Sql): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>({
    name: 'policy_change_due',
    text: `SELECT change_id AS id FROM policy_change WHERE status = 'SCHEDULED' AND effective_at <= clock_timestamp()
      ORDER BY effective_at, change_id`,
  });
  return rows.map(({ id }) => id);
}
