import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import type { Address, Hex } from '../../../base/kernel/index.ts';

type Parts = {
  operation: 'payment';
  /** Says who keeps the nonce. */
  assetTransferMethod: 'eip3009' | 'permit2';
  token: Address;
  payer: Address;
  nonce: Hex;
};

/** What the ids of payments' authorizations are hashes of, beside their chain, by payment. */
export async function paymentIntents(
  sql: Sql,
  ids: readonly string[],
): Promise<Map<string, Parts>> {
  const { rows } = await sql.query<Parts & { id: string }>({
    name: 'payment_authorizations',
    types: HEX_BYTES,
    text: `SELECT payment_id AS id, 'payment' AS operation, token, payer, nonce,
        CASE method WHEN 'eip3009' THEN method ELSE 'permit2' END AS "assetTransferMethod"
      FROM payment WHERE payment_id = ANY($1::uuid[])`,
    values: [ids],
  });
  return new Map(rows.map(({ id, ...parts }) => [id, parts]));
}
