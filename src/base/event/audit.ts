import type { Sql } from '../db/index.ts';

export type AuditRow = {
  id: string;
  action: string;
  actor: string;
  subject: string | null;
  correlationId: string | null;
  detail: Record<string, unknown>;
  at: Date;
};

type AuditEntry = {
  /** Null: it concerns the whole installation. */
  tenantId: string | null;
  /** What was done, as `room.verb`: `api_key.revoked`. */
  action: string;
  /** Who did it, in words: `API key <id>`, `person <id>`, `ann at the command line`. */
  actor: string;
  /** What it was done to: an id or a name. */
  subject?: string;
  correlationId?: string;
  /** What a reader years later needs to judge it; no secret, numbers as strings where they are money. */
  detail?: Record<string, unknown>;
};

/**
 * Acts of persons and of their keys, in the transaction of the act: what was done and not written was not done. Not
 * for what happens once a withdrawal: decisions, transfers, events and signatures are append-only rows themselves.
 */
export async function writeAudit(sql: Sql, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await sql.query(
    `INSERT INTO audit_entry (tenant_id, action, actor, subject, correlation_id, detail)
     SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[])`,
    [
      entries.map((entry) => entry.tenantId),
      entries.map((entry) => entry.action),
      entries.map((entry) => entry.actor),
      entries.map((entry) => entry.subject ?? null),
      entries.map((entry) => entry.correlationId ?? null),
      entries.map((entry) => JSON.stringify(entry.detail ?? {})),
    ],
  );
}

/** What was done in a tenant, newest first; `before`: the id of the last one read. */
export async function readAudit(
  sql: Sql,
  query: {
    tenantId: string;
    /** An action, or a room with all of its actions: `api_key`. */
    action?: string;
    subject?: string;
    limit: number;
    before: string | null;
  },
): Promise<AuditRow[]> {
  const { tenantId, action = null, subject = null, limit, before } = query;
  const { rows } = await sql.query<AuditRow>({
    name: 'audit_read',
    text: `
      SELECT entry_id AS id, action, actor, subject, correlation_id AS "correlationId", detail, at
      FROM audit_entry
      WHERE tenant_id = $1 AND ($2::text IS NULL OR action = $2 OR starts_with(action, $2 || '.'))
        AND ($3::text IS NULL OR subject = $3) AND ($4::uuid IS NULL OR entry_id < $4)
      ORDER BY entry_id DESC LIMIT $5`,
    values: [tenantId, action, subject, before, limit],
  });
  return rows;
}
