import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import { type Address, fromHex, type Hex, type TxState } from '../../../base/kernel/index.ts';
import type { TxRow } from '../rows.ts';

/** An own attempt that a block holds, with what the intent wants. */
export type OwnAttempt = Pick<
  TxRow,
  | 'txId'
  | 'tenantId'
  | 'ownerKind'
  | 'ownerId'
  | 'token'
  | 'recipient'
  | 'amount'
  | 'payerAuthorization'
  | 'settleAt'
  | 'correlationId'
> & {
  attemptId: string;
  laneId: number;
  from: Address;
  nonce: bigint;
  kind: 'effect' | 'filler';
  txHash: Hex;
  /** The lane that it fills, of a tx between own wallets. */
  toLane: number | null;
  txStatus: TxState;
};

/** Which of these hashes are ours. */
export async function matchAttempts(
  sql: Sql,
  chainId: number,
  hashes: readonly Hex[],
): Promise<Map<Hex, OwnAttempt>> {
  if (hashes.length === 0) return new Map();
  const { rows } = await sql.query<OwnAttempt>({
    name: 'attempt_match',
    types: HEX_BYTES,
    text: `
      SELECT a.attempt_id AS "attemptId", a.tx_id AS "txId", t.tenant_id AS "tenantId", a.lane_id AS "laneId",
        s.from_address AS "from", a.nonce, a.kind, a.tx_hash AS "txHash", t.token, t.recipient, t.amount,
        t.payer_authorization AS "payerAuthorization", t.to_lane AS "toLane", t.status AS "txStatus",
        t.owner_kind AS "ownerKind", t.owner_id AS "ownerId", t.settle_at AS "settleAt", t.correlation_id AS "correlationId"
      FROM attempt a JOIN tx t USING (tx_id)
      CROSS JOIN LATERAL (
        SELECT * FROM nonce_slot WHERE lane_id = a.lane_id AND nonce = a.nonce OFFSET 0) s
      WHERE a.tx_hash = ANY($2::bytea[]) AND a.chain_id = $1`,
    values: [chainId, hashes.map(fromHex)],
  });
  return new Map(rows.map((row) => [row.txHash, row]));
}
