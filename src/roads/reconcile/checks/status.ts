import type { Sql } from '../../../base/db/index.ts';
import type { Finding } from '../../../books/finding/index.ts';

/** Of each kind; what is wrong with a thousand is seen on a hundred. */
const MOST = 'LIMIT 100';

type Row = Omit<Finding, 'detail' | 'kind'> & { detail: Record<string, unknown> };

/** Below this id every withdrawal has ended, save those of more than two days ago. Ids are UUIDv7: time. */
type OpenFrom = { id: string };

export const FROM_THE_START: OpenFrom = { id: '00000000-0000-0000-0000-000000000000' };

/**
 * What should have moved by now and has not: transactions, jobs, reserves, chains; and who owes us. Reads rows only, withdrawals from
 * `open` on, which it raises: the next look need not read again what has ended.
 */
export async function checkStatus(
  sql: Sql,
  stuckAfterMs: number,
  open: OpenFrom,
): Promise<Finding[]> {
  const kinds: [string, string][] = [
    ['check.tx_pending', PENDING],
    ['check.jobs_stand', JOBS],
    ['check.dead_letter', DEAD],
    ['check.chain_quiet', CHAINS],
    ['account.owes', OWED],
  ];
  const found: Finding[] = [];
  for (const [kind, text] of kinds) {
    const { rows } = await sql.query<Row>(text, text.includes('$1') ? [stuckAfterMs] : []);
    found.push(...rows.map((row) => ({ kind, ...row })));
  }
  const { rows } = await sql.query<Row & { from: string }>(RESERVES, [stuckAfterMs, open.id]);
  open.id = rows[0]!.from;
  const standing = rows.filter(({ subject }) => subject !== null);
  found.push(...standing.map(({ from: _, ...row }) => ({ kind: 'check.reserve_stands', ...row })));
  return found;
}

const BEFORE = `now() - $1 * interval '1 millisecond'`;

/** Slots that no block holds for so long; found by what their lanes have in flight. */
const PENDING = `
  SELECT t.tx_id::text AS subject, t.tenant_id AS "tenantId", jsonb_build_object('status', t.status,
    'nonceKey', s.chain_id || ':0x' || encode(s.from_address, 'hex') || ':' || s.nonce, 'since', t.updated_at,
    'ownerKind', t.owner_kind, 'ownerId', t.owner_id) AS detail
  FROM lane l JOIN lane_progress p USING (lane_id)
  CROSS JOIN LATERAL (SELECT * FROM nonce_slot s WHERE s.lane_id = l.lane_id AND s.nonce >= p.mined_nonce
    ORDER BY s.nonce ${MOST}) s
  JOIN tx t ON t.tx_id = s.tx_id
  WHERE t.updated_at < ${BEFORE} ORDER BY t.updated_at ${MOST}`;

const JOBS = `
  SELECT topic AS subject, NULL::uuid AS "tenantId",
    jsonb_build_object('jobs', count(*), 'oldest', min(run_at), 'lastError', max(last_error)) AS detail
  FROM job WHERE run_at < ${BEFORE} AND (lease_until IS NULL OR lease_until < now())
  GROUP BY topic`;

const DEAD = `
  SELECT topic || ':' || subject_id AS subject, tenant_id AS "tenantId",
    jsonb_build_object('topic', topic, 'subjectId', subject_id, 'reason', reason, 'diedAt', died_at) AS detail
  FROM dead_letter ORDER BY died_at ${MOST}`;

/**
 * Of the last two days, as what is announced again. `from`: the lowest that is open, or two minutes behind the clock,
 * more than a transaction may last. One row with it alone where nothing stands.
 */
const RESERVES = `
  WITH open AS MATERIALIZED (
    SELECT withdrawal_id, tenant_id, status, updated_at FROM withdrawal
    WHERE withdrawal_id >= greatest($2::uuid, payonce_uuid_at(now() - interval '2 days'))
      AND status IN ('REQUESTED', 'RESERVED', 'APPROVED', 'EXECUTING')
  ), lowest AS (
    SELECT least(payonce_uuid_at(now() - interval '2 minutes'),
      (SELECT withdrawal_id FROM open ORDER BY withdrawal_id LIMIT 1)) AS id
  )
  SELECT l.id AS from, w.withdrawal_id::text AS subject, w.tenant_id AS "tenantId", jsonb_build_object('status', w.status,
    'since', w.updated_at, 'waiting', (SELECT t.waiting FROM tx t WHERE t.owner_id = w.withdrawal_id LIMIT 1)) AS detail
  FROM lowest l LEFT JOIN LATERAL (
    SELECT * FROM open WHERE updated_at < ${BEFORE} ORDER BY withdrawal_id ${MOST}) w ON true`;

const CHAINS = `
  SELECT chain_id::text AS subject, NULL::uuid AS "tenantId",
    jsonb_build_object('latest', latest, 'since', advanced_at, 'halted', halted_reason) AS detail
  FROM chain_head WHERE advanced_at < ${BEFORE} OR halted_reason IS NOT NULL`;

/** A merchant had spent what a reorg took back. By the tenants, since that is how accounts are found. */
const OWED = `
  SELECT concat_ws(' ', t.name, b.owner, b.asset) AS subject, t.tenant_id AS "tenantId",
    jsonb_build_object('account', b.owner, 'asset', b.asset, 'owedAtomic', b.balance::text) AS detail
  FROM tenant t CROSS JOIN LATERAL (
    SELECT owner, asset, balance FROM ledger_balance
    WHERE tenant_id = t.tenant_id AND kind = 'receivable' AND balance > 0 ORDER BY owner, asset ${MOST}) b`;
