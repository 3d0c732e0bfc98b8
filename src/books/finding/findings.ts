import type { Sql } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';
import { isUuid } from '../../base/kernel/index.ts';

/** Something that a person should look at: a kind, which is its event's type, and what it is about. */
export type Finding = {
  kind: string;
  subject: string;
  /** Null: every tenant is told. */
  tenantId: string | null;
  detail: Record<string, unknown>;
};

/**
 * Makes the findings of a check those of this run, in the caller's transaction: what is new is told as an event,
 * what is found no more is closed. Returns what is new.
 */
export async function recordFindings(
  sql: Sql,
  check: string,
  found: readonly Finding[],
): Promise<Finding[]> {
  const { rows } = await sql.query<{ kind: string; subject: string }>({
    name: 'finding_record',
    text: `
      WITH f AS (
        SELECT * FROM unnest($2::text[], $3::text[], $4::uuid[], $5::jsonb[]) AS u(kind, subject, tenant_id, detail)
      ), closed AS (
        DELETE FROM finding g WHERE g.check_name = $1
          AND NOT EXISTS (SELECT 1 FROM f WHERE f.kind = g.kind AND f.subject = g.subject)
      )
      INSERT INTO finding (kind, subject, check_name, tenant_id, detail)
      SELECT kind, subject, $1, tenant_id, detail FROM f ON CONFLICT DO NOTHING RETURNING kind, subject`,
    values: [
      check,
      found.map((finding) => finding.kind),
      found.map((finding) => finding.subject),
      found.map((finding) => finding.tenantId),
      found.map((finding) => JSON.stringify(finding.detail)),
    ],
  });
  const opened = new Set(rows.map((row) => `${row.kind} ${row.subject}`));
  const fresh = found.filter((finding) => opened.has(`${finding.kind} ${finding.subject}`));
  const everybody = fresh.some((finding) => finding.tenantId === null)
    ? (await sql.query<{ id: string }>('SELECT tenant_id AS id FROM tenant')).rows
    : [];
  await writeEvents(
    sql,
    fresh.flatMap(({ kind, subject, tenantId, detail }) =>
      (tenantId === null ? everybody.map(({ id }) => id) : [tenantId]).map((tenant) => ({
        tenantId: tenant,
        type: kind,
        ...(isUuid(subject) ? { subjectId: subject } : {}),
        data: { subject, ...detail },
      })),
    ),
  );
  return fresh;
}
