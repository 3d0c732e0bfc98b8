import type { ChainPort, TransferLog } from '../../../base/chain/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import {
  isSettleOf,
  packAuthorization,
  paidByTransfers,
  proxyOf,
} from '../../../base/effect/index.ts';
import { AUTHORIZATION_USED_TOPIC, fromHex, type Hex } from '../../../base/kernel/index.ts';
import { readBlockHashes } from '../../../books/tx/index.ts';
import type { PaymentRow } from '../payment/rows.ts';

export type Landing = { paymentId: string; txHash: Hex; blockNumber: number; blockHash: Hex };

/** `alike`: there are Transfers like the payment's of which it can not be said that they were not it. */
type Search = { landing: Landing | null; alike: boolean };

/** Blocks of one question for logs; usual nodes bound the range. */
const RANGE = 2_000;
/**
 * A chain's clock may be behind the database's: a rollup whose sequencer was away makes the blocks that it missed with the
 * times that they would have had.
 */
const BEHIND_HOURS = 6;

/**
 * The transaction that took a payment's authorization, whoever sent it, in a block that the books hold as canonical. Of
 * EIP-3009 it is the one with the token's AuthorizationUsed and the matching Transfer; of Permit2, which logs nothing, the
 * one with the matching Transfer that calls the proxy with this very authorization: a plain transfer of the same amount
 * beside a cancelled nonce is none, and a call from inside another contract can not be told from it. No block before the
 * authorization's first second can hold it, by the chain's own clock.
 */
export async function findLanding(
  sql: Sql,
  port: Pick<ChainPort, 'transfers' | 'transactionsByHash'>,
  payment: PaymentRow,
): Promise<Search> {
  const { rows } = await sql.query<{ first: bigint }>(
    `SELECT coalesce(max(height), (SELECT min(height) FROM block WHERE chain_id = $1)) AS first
     FROM block WHERE chain_id = $1
       AND mined_at < greatest($2::timestamptz - $3 * interval '1 hour', to_timestamp($4::float8))`,
    [payment.chainId, payment.createdAt, BEHIND_HOURS, Number(payment.validAfter)],
  );
  const latest = payment.head?.latest ?? 0;
  let alike = false;
  for (let from = Number(rows[0]!.first); from <= latest; from += RANGE) {
    const logs = await port.transfers({
      tokens: [payment.token],
      from: [payment.payer],
      authorizations: true,
      fromBlock: from,
      toBlock: Math.min(latest, from + RANGE - 1),
    });
    const judged = [...byTransaction(logs)].map((one) => [one, judge(payment, one[1])] as const);
    const paying = judged.flatMap(([one, verdict]) => (verdict === 'paid' ? [one] : []));
    const { settling, unexplained } = await explain(port, payment, paying);
    alike ||= unexplained || judged.some(([, verdict]) => verdict === 'alike');
    for (const [txHash, of] of settling) {
      const { blockNumber, blockHash } = of[0]!;
      const ours = (await readBlockHashes(sql, payment.chainId, [blockNumber])).get(blockNumber);
      const landing = { paymentId: payment.id, txHash, blockNumber, blockHash };
      if (ours === blockHash) return { landing, alike };
      // In a block that the books do not have, or have another for: they will.
      alike = true;
    }
  }
  return { landing: null, alike };
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

/**
 * Others put several payments of one payer into one transaction, and an AuthorizationUsed names neither payee nor amount:
 * its Transfer is the payer's next log of the token, so that no Transfer is the payment of two. Only where there is one
 * of each their order says nothing. `alike`: a Transfer would pay it, and is not the one of its authorization.
 */
function judge(payment: PaymentRow, logs: readonly TransferLog[]): 'paid' | 'alike' | 'no' {
  const { token, payTo: recipient, amount, payer, method } = payment;
  const payerAuthorization = packAuthorization(payment);
  const intent = { token, recipient, amount, payerAuthorization, from: payer };
  const ordered = [...logs].sort((a, b) => a.logIndex - b.logIndex);
  const isUse = ({ topics }: TransferLog) => topics[0] === AUTHORIZATION_USED_TOPIC;
  const use = ordered.find((log) => isUse(log) && log.topics[2] === payment.nonce);
  const own = use === undefined ? [] : [use];
  const moves = ordered.filter((log) => !isUse(log));
  const pays = (log: TransferLog) => paidByTransfers(intent, [...own, log]);
  if (!moves.some(pays)) return 'no';
  if (method === 'permit2' || use === undefined || ordered.length === 2) return 'paid';
  const next = ordered[ordered.indexOf(use) + 1];
  return next !== undefined && !isUse(next) && pays(next) ? 'paid' : 'alike';
}

/** Of transactions with the right Transfer those that took the authorization. */
async function explain<Of>(
  port: Pick<ChainPort, 'transactionsByHash'>,
  payment: PaymentRow,
  paying: readonly [Hex, Of][],
): Promise<{ settling: readonly [Hex, Of][]; unexplained: boolean }> {
  const proxy = proxyOf(payment.method);
  if (proxy === null || paying.length === 0) {
    return { settling: paying, unexplained: false };
  }
  const calls = await port.transactionsByHash(paying.map(([txHash]) => txHash));
  const settling = paying.filter((_, index) => {
    const call = calls[index];
    return call?.to === proxy && isSettleOf(call.data, payment, payment);
  });
  // What calls the proxy itself for another permit is that one's payment.
  return { settling, unexplained: calls.some((call) => call?.to !== proxy) };
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
