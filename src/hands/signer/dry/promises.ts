import type { Sql } from '../../../base/db/index.ts';
import { fromHex, type Hex, toHex } from '../../../base/kernel/index.ts';
import type { Spend } from '../grammar.ts';
import { limitKey } from '../rules.ts';

/** Twice as long as a yes is good for, and a minute for the signature that follows it. */
const PROMISED_SECONDS = 180;

/** Those of the intents that are bound to a slot: what will be of them is said there. */
export async function boundIntents(sql: Sql, intentIds: readonly Hex[]): Promise<Set<Hex>> {
  const { rows } = await sql.query<{ intent_id: Buffer }>({
    name: 'signer_bound_intents',
    text: 'SELECT intent_id FROM slot_binding WHERE intent_id = ANY($1::bytea[])',
    values: [intentIds.map(fromHex)],
  });
  return new Set(rows.map((row) => toHex(row.intent_id)));
}

/**
 * By limitKey, what was promised to others than these intents and is not signed yet. Under the head's lock, so that
 * what is signed counts either here or in its windows.
 */
export async function promised(sql: Sql, except: readonly Hex[]): Promise<Map<string, bigint>> {
  const { rows } = await sql.query<{ wallet_group: string; asset: string; amount: bigint }>({
    name: 'signer_promised',
    text: `SELECT p.wallet_group, p.asset, sum(p.amount) AS amount FROM dry_promise p
      WHERE p.until > clock_timestamp() AND p.intent_id <> ALL($1::bytea[])
        AND NOT EXISTS (SELECT FROM slot_binding b WHERE b.intent_id = p.intent_id)
      GROUP BY 1, 2`,
    values: [except.map(fromHex)],
  });
  return new Map(
    rows.map(({ wallet_group: walletGroup, asset, amount }) => [
      limitKey({ walletGroup, asset }),
      amount,
    ]),
  );
}

/** Promises in the place of those made before to the same intents, and forgets what is over. Under the head's lock. */
export async function promise(
  sql: Sql,
  promises: readonly { intentId: Hex; spends: readonly Spend[] }[],
): Promise<void> {
  const rows = promises.flatMap(({ intentId, spends }) =>
    spends.map((spend) => ({ ...spend, intentId: fromHex(intentId) })),
  );
  await sql.query({
    name: 'signer_promises_forget',
    text: 'DELETE FROM dry_promise WHERE until <= clock_timestamp() OR intent_id = ANY($1::bytea[])',
    values: [rows.map(({ intentId }) => intentId)],
  });
  if (rows.length === 0) return;
  await sql.query({
    name: 'signer_promises_insert',
    text: `INSERT INTO dry_promise (intent_id, wallet_group, asset, amount, until)
      SELECT p.*, clock_timestamp() + $5 * interval '1 second'
      FROM unnest($1::bytea[], $2::text[], $3::text[], $4::numeric[]) AS p`,
    values: [
      rows.map(({ intentId }) => intentId),
      rows.map(({ walletGroup }) => walletGroup),
      rows.map(({ asset }) => asset),
      rows.map(({ amount }) => amount),
      PROMISED_SECONDS,
    ],
  });
}
