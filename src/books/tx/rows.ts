import { HEX_BYTES, type Sql } from '../../base/db/index.ts';
import type { Address, Hex, SettleAt, TxState } from '../../base/kernel/index.ts';

export type TxRow = {
  txId: string;
  tenantId: string;
  ownerKind: string;
  ownerId: string;
  chainId: number;
  asset: string;
  token: Address | null;
  recipient: Address;
  amount: bigint;
  /** Packed; whose tokens the amount is of, where it is not the lane's. */
  payerAuthorization: Hex | null;
  settleAt: SettleAt;
  expiresAt: Date | null;
  status: TxState;
  waiting: string | null;
  failureCode: string | null;
  failureMessage: string | null;
  correlationId: string;
  /** The one lane that it may leave from; null: any that pays for its tenant. */
  fromLane: number | null;
  slot: {
    laneId: number;
    from: Address;
    nonce: bigint;
    gasReserved: bigint;
    fillReason: string | null;
  } | null;
};

type Raw = Omit<TxRow, 'slot' | 'chainId'> & {
  chainId: bigint;
  laneId: number | null;
  from: Address | null;
  nonce: bigint | null;
  gasReserved: bigint | null;
  fillReason: string | null;
};

const SELECT = `
  SELECT t.tx_id AS "txId", t.tenant_id AS "tenantId", t.owner_kind AS "ownerKind", t.owner_id AS "ownerId",
    t.chain_id AS "chainId", t.asset, t.token, t.recipient, t.amount,
    t.payer_authorization AS "payerAuthorization", t.settle_at AS "settleAt",
    t.expires_at AS "expiresAt", t.status, t.waiting, t.failure_code AS "failureCode",
    t.failure_message AS "failureMessage", t.correlation_id AS "correlationId", t.from_lane AS "fromLane",
    s.lane_id AS "laneId", s.from_address AS "from", s.nonce, s.gas_reserved AS "gasReserved",
    s.fill_reason AS "fillReason"
  FROM tx t LEFT JOIN nonce_slot s USING (tx_id)`;

/** Transactions by id, with their slot if they have one; as the rows are now, no lock. */
export async function readTxs(sql: Sql, txIds: readonly string[]): Promise<Map<string, TxRow>> {
  const { rows } = await sql.query<Raw>({
    name: 'tx_read',
    types: HEX_BYTES,
    text: `${SELECT} WHERE t.tx_id = ANY($1::uuid[])`,
    values: [txIds],
  });
  return new Map(rows.map((row) => [row.txId, fromRaw(row)]));
}

/** What its slot takes out of its lane beside gas. */
export function leavesLane({
  amount,
  payerAuthorization,
}: Pick<TxRow, 'amount' | 'payerAuthorization'>): bigint {
  return payerAuthorization === null ? amount : 0n;
}

/** Ended by a foreign transaction that two persons took for its payment. */
export function isPaidByForeign({ status, failureCode }: Pick<TxRow, 'status' | 'failureCode'>) {
  return status === 'REPLACED' && failureCode === null;
}

/** Transactions by their owners' ids. */
export async function readTxsOfOwners(
  sql: Sql,
  ownerIds: readonly string[],
): Promise<Map<string, TxRow>> {
  const { rows } = await sql.query<Raw>({
    name: 'tx_read_owner',
    types: HEX_BYTES,
    text: `${SELECT} WHERE t.owner_id = ANY($1::uuid[])`,
    values: [ownerIds],
  });
  return new Map(rows.map((row) => [row.ownerId, fromRaw(row)]));
}

function fromRaw(row: Raw): TxRow {
  const { laneId, from, nonce, gasReserved, fillReason, ...rest } = row;
  return {
    ...rest,
    chainId: Number(row.chainId),
    slot:
      laneId === null
        ? null
        : { laneId, from: from!, nonce: nonce!, gasReserved: gasReserved!, fillReason },
  };
}
