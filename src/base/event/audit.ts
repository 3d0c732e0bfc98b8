import type { Sql } from '../db/index.ts';

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
