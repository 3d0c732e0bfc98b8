import type { Sql } from '../../../base/db/index.ts';
import { writeAudit, writeEvents } from '../../../base/event/index.ts';

/** Who acts. Without an operator it is the installation's owner, at the command line or the start. */
export type Actor = { operatorId: string | null; correlationId?: string };

type OperatorEvent =
  | 'operator.invited'
  | 'operator.registered'
  | 'operator.activated'
  | 'operator.roles_changed'
  | 'operator.suspended'
  | 'operator.resumed'
  | 'operator.logged_in'
  | 'operator.login_failed'
  | 'operator.passkey_added'
  | 'operator.passkey_removed';

/**
 * One event in each of the tenants, in the transaction of what it tells, and an audit entry. A login that failed is
 * nobody's act: it has no entry.
 */
export async function tell(
  sql: Sql,
  type: OperatorEvent,
  about: {
    operatorId: string;
    tenantIds: readonly string[];
    by: Actor;
    data?: Record<string, unknown>;
  },
): Promise<void> {
  const { operatorId, tenantIds, by, data } = about;
  const { correlationId } = by;
  await writeEvents(
    sql,
    tenantIds.map((tenantId) => ({
      tenantId,
      type,
      subjectId: operatorId,
      ...(correlationId === undefined ? {} : { correlationId }),
      data: { ...data, by: by.operatorId ?? 'owner' },
    })),
  );
  if (type === 'operator.login_failed') return;
  const actor = by.operatorId === null ? "the installation's owner" : `operator ${by.operatorId}`;
  await writeAudit(
    sql,
    tenantIds.map((tenantId) => ({
      tenantId,
      action: type,
      actor,
      subject: operatorId,
      ...(correlationId === undefined ? {} : { correlationId }),
      detail: data ?? {},
    })),
  );
}
