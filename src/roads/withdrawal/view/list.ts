import type { Sql } from '../../../base/db/index.ts';
import { isUuid, keyHash, type WithdrawalState } from '../../../base/kernel/index.ts';
import { idempotencyHash, readKeys } from '../../../books/access/index.ts';
import { ownersOf } from '../../../books/tx/read.ts';
import type { PublicStatus, WithdrawalFilter } from '../types.ts';

/** States of the machine behind a public status; EXECUTING ones are told apart by their transaction. */
const STATES: Record<PublicStatus, { states: WithdrawalState[]; tx?: string[]; level?: string }> = {
  REQUESTED: { states: ['REQUESTED'] },
  RESERVED: { states: ['RESERVED'] },
  AWAITING_APPROVAL: { states: ['AWAITING_APPROVAL'] },
  APPROVED: { states: ['APPROVED', 'EXECUTING'], tx: ['CREATED', 'SLOTTED', 'CANCELLED'] },
  SIGNED: { states: ['EXECUTING'], tx: ['SIGNED'] },
  BROADCASTED: { states: ['EXECUTING'], tx: ['BROADCASTED'] },
  INCLUDED: { states: ['EXECUTING'], tx: ['INCLUDED'] },
  SAFE: { states: ['EXECUTING'], tx: ['INCLUDED'] },
  FINALIZED: { states: ['EXECUTING'], tx: ['INCLUDED', 'FINAL', 'REVERTED', 'REPLACED'] },
  COMPLETED: { states: ['COMPLETED'] },
  REVERSED: { states: ['REVERSED'] },
  RESETTLED: { states: ['RESETTLED'] },
  REJECTED: { states: ['REJECTED'] },
  CANCELLED: { states: ['CANCELLED'] },
  EXPIRED: { states: ['EXPIRED'] },
  FAILED: { states: ['FAILED'] },
};

/**
 * Ids of a tenant's withdrawals, newest first, below `before`. Keys that name one withdrawal (idempotency
 * key, external id, hash, nonce key, attempt) are looked up in their own narrow tables first. The
 * three levels of an included transaction are derived from heads, so a page filtered by one of them is
 * a superset that the caller narrows by the views.
 */
export async function findIds(
  sql: Sql,
  tenantId: string,
  filter: WithdrawalFilter,
  page: { limit: number; before: string | null },
): Promise<string[]> {
  const named = await namedIds(sql, tenantId, filter);
  if (named !== null && named.length === 0) return [];
  const wanted = filter.status === undefined ? null : STATES[filter.status];
  const { rows } = await sql.query<{ id: string }>(
    `SELECT w.withdrawal_id AS id FROM withdrawal w
     WHERE w.tenant_id = $1
       AND ($2::uuid IS NULL OR w.withdrawal_id < $2)
       ${named === null ? '' : 'AND w.withdrawal_id = ANY($4::uuid[])'}
       ${filter.account === undefined ? '' : 'AND w.account = $5'}
       ${wanted === null ? '' : 'AND w.status = ANY($6::text[])'}
       ${wanted?.tx === undefined ? '' : `AND (w.status <> 'EXECUTING' OR coalesce((SELECT t.status FROM tx t WHERE t.owner_id = w.withdrawal_id), 'CREATED') = ANY($7::text[]))`}
       AND ($4::uuid[] IS NULL OR true) AND ($5::text IS NULL OR true)
       AND ($6::text[] IS NULL OR true) AND ($7::text[] IS NULL OR true)
     ORDER BY w.withdrawal_id DESC LIMIT $3`,
    [
      tenantId,
      page.before,
      page.limit,
      named,
      filter.account ?? null,
      wanted?.states ?? null,
      wanted?.tx ?? null,
    ],
  );
  return rows.map((row) => row.id);
}

/** Null: no filter by a key. Else the ids that all of the keys name. */
async function namedIds(
  sql: Sql,
  tenantId: string,
  filter: WithdrawalFilter,
): Promise<string[] | null> {
  const found: string[][] = [];
  if (filter.idempotencyKey !== undefined) {
    const hash = idempotencyHash(tenantId, 'withdrawal', filter.idempotencyKey);
    const key = (await readKeys(sql, [hash])).get(hash);
    found.push(key === undefined ? [] : [key.resourceId]);
  }
  if (filter.externalId !== undefined) {
    const { rows } = await sql.query<{ withdrawal_id: string }>(
      'SELECT withdrawal_id FROM external_id WHERE external_hash = $1',
      [keyHash('external', tenantId, filter.externalId)],
    );
    found.push(rows.map((row) => row.withdrawal_id));
  }
  const { txHash, nonceKey, attemptId } = filter;
  if (txHash !== undefined || nonceKey !== undefined || attemptId !== undefined) {
    const usable = attemptId === undefined || isUuid(attemptId);
    const keys = {
      ...(txHash === undefined ? {} : { txHash }),
      ...(nonceKey === undefined ? {} : { nonceKey }),
      ...(attemptId === undefined ? {} : { attemptId }),
    };
    found.push(usable ? await ownersOf(sql, keys) : []);
  }
  if (found.length === 0) return null;
  return found.reduce((all, some) => all.filter((id) => some.includes(id)));
}
