import { HEX_BYTES, type Sql } from '../../base/db/index.ts';
import type { Address, WithdrawalState } from '../../base/kernel/index.ts';

/** What the steps read of a withdrawal. */
export type StepRow = {
  id: string;
  tenantId: string;
  account: string;
  asset: string;
  amount: bigint;
  fee: bigint;
  recipient: Address;
  idempotencyKey: string;
  correlationId: string;
  initiatedBy: string | null;
  expiresAt: Date | null;
  /** By the database's clock at the time of reading. */
  expired: boolean;
  status: WithdrawalState;
  generation: number;
  decisionId: string | null;
  riskTier: string | null;
  /** The level that its decision asks for; null: not read. */
  commitAt: 'safe' | 'finalized' | null;
  /** Its client asked for its filler. */
  cancelling: boolean;
};

/** Rows as they are now, without a lock: a step's advance() is judged against the status read here. */
export async function readSteps(sql: Sql, ids: readonly string[]): Promise<StepRow[]> {
  const { rows } = await sql.query<StepRow>({
    name: 'withdrawal_step',
    types: HEX_BYTES,
    text: `
      SELECT withdrawal_id AS id, tenant_id AS "tenantId", account, asset, amount, fee, recipient,
        idempotency_key AS "idempotencyKey", correlation_id AS "correlationId", initiated_by AS "initiatedBy", expires_at AS "expiresAt",
        coalesce(expires_at <= clock_timestamp(), false) AS expired, status, generation,
        decision_id AS "decisionId", risk_tier AS "riskTier", NULL AS "commitAt", cancel_requested_at IS NOT NULL AS cancelling
      FROM withdrawal WHERE withdrawal_id = ANY($1::uuid[])`,
    values: [ids],
  });
  return rows;
}

/** The row as the ledger's transfers name it. */
export function ledgerOrderOf(row: StepRow) {
  const { tenantId, id, generation, correlationId, account, asset, amount, fee } = row;
  return { tenantId, withdrawalId: id, generation, correlationId, account, asset, amount, fee };
}
