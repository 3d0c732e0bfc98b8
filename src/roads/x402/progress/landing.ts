import type { ChainPort, TransferLog } from '../../../base/chain/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { packAuthorization, paidByTransfers } from '../../../base/effect/index.ts';
import { fromHex, type Hex } from '../../../base/kernel/index.ts';
import { readBlockHashes } from '../../../books/tx/index.ts';
import type { PaymentRow } from '../payment/rows.ts';

export type Landing = { paymentId: string; txHash: Hex; blockNumber: number; blockHash: Hex };

/** Blocks of one question for logs; usual nodes bound the range. */
const RANGE = 2_000;

/**
 * The transaction that took a payment's authorization, whoever sent it: the token's AuthorizationUsed and the matching
 * Transfer in one of them, in a block that the books hold as canonical. Null: the chain shows none.
 */
export async function findLanding(
  sql: Sql,
  port: Pick<ChainPort, 'transfers'>,
  payment: PaymentRow,
): Promise<Landing | null> {
  const { rows } = await sql.query<{ first: bigint }>(
    `SELECT coalesce(max(height), (SELECT min(height) FROM block WHERE chain_id = $1)) AS first
     FROM block WHERE chain_id = $1 AND mined_at < $2::timestamptz - interval '1 minute'`,
    [payment.chainId, payment.createdAt],
  );
  const latest = payment.head?.latest ?? 0;
  for (let from = Number(rows[0]!.first); from <= latest; from += RANGE) {
    const logs = await port.transfers({
      tokens: [payment.token],
      from: [payment.payer],
      authorizations: true,
      fromBlock: from,
      toBlock: Math.min(latest, from + RANGE - 1),
    });
    for (const [txHash, of] of byTransaction(logs)) {
      if (!isPaidBy(payment, of)) continue;
      const { blockNumber, blockHash } = of[0]!;
      const ours = (await readBlockHashes(sql, payment.chainId, [blockNumber])).get(blockNumber);
      if (ours === blockHash) return { paymentId: payment.id, txHash, blockNumber, blockHash };
    }
  }
  return null;
}

function byTransaction(logs: readonly TransferLog[]): Map<Hex, TransferLog[]> {
  const grouped = new Map<Hex, TransferLog[]>();
  for (const log of logs) {
    const known = grouped.get(log.transactionHash);
    if (known === undefined) grouped.set(log.transactionHash, [log]);
    else known.push(log);
  }
  return grouped;
}

/** Others put several payments of one payer into one transaction: of its transfers one has to be this. */
function isPaidBy(payment: PaymentRow, logs: readonly TransferLog[]): boolean {
  const { token, payTo: recipient, amount, payer } = payment;
  const intent = { token, recipient, amount, payerAuthorization: packAuthorization(payment) };
  const uses = logs.filter(({ topics }) => topics.length === 3 && topics[2] === payment.nonce);
  const transfers = logs.filter((log) => !uses.includes(log));
  return transfers.some((log) => paidByTransfers({ ...intent, from: payer }, [...uses, log]));
}

export async function insertLandings(
  sql: Sql,
  chainOf: ReadonlyMap<string, number>,
  landings: readonly Landing[],
): Promise<void> {
  if (landings.length === 0) return;
  await sql.query({
    name: 'payment_landing_insert',
    text: `INSERT INTO payment_landing (payment_id, block_hash, chain_id, block_number, tx_hash)
      SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[])
      ON CONFLICT DO NOTHING`,
    values: [
      landings.map(({ paymentId }) => paymentId),
      landings.map(({ blockHash }) => fromHex(blockHash)),
      landings.map(({ paymentId }) => chainOf.get(paymentId)),
      landings.map(({ blockNumber }) => blockNumber),
      landings.map(({ txHash }) => fromHex(txHash)),
    ],
  });
}
