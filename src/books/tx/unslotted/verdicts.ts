import type { Sql } from '../../../base/db/index.ts';
import { WAKE_DRY_JUDGE } from '../topics.ts';

/** As its slot would be: the lane that it leaves from, and what gas may cost. */
type DryQuestion = {
  txId: string;
  laneId: number;
  txType: 0 | 2;
  gasLimit: bigint;
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
};

/** What was asked last about a transaction, and what the signer said to that; null: nothing yet. */
export type DryVerdict = {
  txId: string;
  laneId: number;
  /** Of the gas that was asked about, in wei. */
  fee: bigint;
  answer: 'yes' | { code: string; message: string } | null;
};

/**
 * Asks the signer about transactions that have no slot, or asks anew. A crash after it leaves questions that are
 * answered and not asked again in vain.
 */
export async function askSigner(sql: Sql, questions: readonly DryQuestion[]): Promise<void> {
  if (questions.length === 0) return;
  await sql.query({
    name: 'dry_ask',
    text: `INSERT INTO dry_verdict AS v (tx_id, lane_id, decision_id, tx_type, gas_limit, max_fee_per_gas,
        max_priority_fee_per_gas)
      SELECT q.tx_id, q.lane_id, t.decision_id, q.tx_type, q.gas_limit, q.max_fee_per_gas, q.max_priority_fee_per_gas
      FROM unnest($1::uuid[], $2::int[], $3::smallint[], $4::numeric[], $5::numeric[], $6::numeric[])
        AS q(tx_id, lane_id, tx_type, gas_limit, max_fee_per_gas, max_priority_fee_per_gas)
      JOIN tx t ON t.tx_id = q.tx_id ORDER BY q.tx_id
      ON CONFLICT (tx_id) DO UPDATE SET question = v.question + 1, lane_id = excluded.lane_id,
        decision_id = excluded.decision_id, tx_type = excluded.tx_type, gas_limit = excluded.gas_limit,
        max_fee_per_gas = excluded.max_fee_per_gas, max_priority_fee_per_gas = excluded.max_priority_fee_per_gas,
        asked_at = clock_timestamp()`,
    values: [
      questions.map(({ txId }) => txId),
      questions.map(({ laneId }) => laneId),
      questions.map(({ txType }) => txType),
      questions.map(({ gasLimit }) => gasLimit),
      questions.map(({ maxFeePerGas }) => maxFeePerGas),
      questions.map(({ maxPriorityFeePerGas }) => maxPriorityFeePerGas),
    ],
  });
  await sql.query(`SELECT pg_notify('${WAKE_DRY_JUDGE}', '')`);
}

/**
 * The verdicts about these transactions under their present decisions, by transaction; a yes is good for a minute,
 * which is shorter than the signer keeps free what it said yes to.
 */
export async function readVerdicts(
  sql: Sql,
  txIds: readonly string[],
): Promise<Map<string, DryVerdict>> {
  if (txIds.length === 0) return new Map();
  const { rows } = await sql.query<{
    tx_id: string;
    lane_id: number;
    fee: bigint;
    open: boolean;
    refusal_code: string | null;
    refusal_message: string | null;
  }>({
    name: 'dry_verdicts',
    text: `SELECT v.tx_id, v.lane_id, v.gas_limit * v.max_fee_per_gas AS fee, v.answered < v.question AS open,
        v.refusal_code, v.refusal_message
      FROM dry_verdict v JOIN tx t USING (tx_id)
      WHERE v.tx_id = ANY($1::uuid[]) AND v.decision_id IS NOT DISTINCT FROM t.decision_id
        AND (v.answered < v.question OR v.refusal_code IS NOT NULL OR v.answered_at > clock_timestamp() - interval '1 minute')`,
    values: [txIds],
  });
  return new Map(
    rows.map(({ tx_id: txId, lane_id: laneId, fee, open, refusal_code: code, ...row }) => {
      const answer = code === null ? 'yes' : { code, message: row.refusal_message ?? '' };
      return [txId, { txId, laneId, fee, answer: open ? null : answer }];
    }),
  );
}

/** Whether a signer that told its rules within the last minutes holds orders against others than these. */
export async function othersRule(sql: Sql, digest: Buffer): Promise<boolean> {
  const { rows } = await sql.query<{ others: boolean }>({
    name: 'dry_others_rule',
    text: `SELECT EXISTS (SELECT FROM signer_rules
      WHERE digest <> $1 AND told_at > clock_timestamp() - interval '3 minutes') AS others`,
    values: [digest],
  });
  return rows[0]!.others;
}
