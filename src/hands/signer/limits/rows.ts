import type { LimitSettings } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { fromHex, type Hex, toHex } from '../../../base/kernel/index.ts';
import type { Spend } from '../grammar.ts';
import { limitKey } from '../rules.ts';
import type { Before, Held } from './judge.ts';

/**
 * What each window of these limits holds now; a minute that began before the window's start counts whole. Under the
 * head's lock, so that nobody adds to it meanwhile. Two look-ups a window, however much was spent.
 */
export async function windowsHold(sql: Sql, limits: readonly LimitSettings[]): Promise<Held> {
  const windows = limits.flatMap((limit) => limit.windows.map(({ ms }) => ({ ...limit, ms })));
  if (windows.length === 0) return new Map();
  const { rows } = await sql.query<{ held: bigint }>({
    name: 'signer_windows_hold',
    text: `SELECT coalesce(t.total - coalesce((
          SELECT m.before FROM spend_minute m WHERE m.wallet_group = w.wallet_group AND m.asset = w.asset
            AND m.minute > clock_timestamp() - w.ms * interval '1 millisecond' - interval '1 minute'
          ORDER BY m.minute LIMIT 1), t.total), 0)::numeric AS held
      FROM unnest($1::text[], $2::text[], $3::float8[]) WITH ORDINALITY AS w(wallet_group, asset, ms, n)
      LEFT JOIN LATERAL (
        SELECT m.before + m.amount AS total FROM spend_minute m
        WHERE m.wallet_group = w.wallet_group AND m.asset = w.asset ORDER BY m.minute DESC LIMIT 1) t ON true
      ORDER BY w.n`,
    values: [
      windows.map(({ walletGroup }) => walletGroup),
      windows.map(({ asset }) => asset),
      windows.map(({ ms }) => ms),
    ],
  });
  const held = new Map<string, bigint[]>();
  windows.forEach((window, index) => {
    const key = limitKey(window);
    held.set(key, [...(held.get(key) ?? []), rows[index]!.held]);
  });
  return held;
}

/** What the signatures of these intents have counted for. */
export async function spendsOfIntents(sql: Sql, intentIds: readonly Hex[]): Promise<Before> {
  const { rows } = await sql.query<{ intent_id: Buffer; asset: string; amount: bigint }>({
    name: 'signer_spends_of_intents',
    text: `SELECT j.intent_id, s.asset, sum(s.amount) AS amount
      FROM journal j JOIN spend s USING (signature_request_id)
      WHERE j.intent_id = ANY($1::bytea[]) GROUP BY 1, 2`,
    values: [intentIds.map(fromHex)],
  });
  const before = new Map<Hex, Map<string, bigint>>();
  for (const row of rows) {
    const intent = toHex(row.intent_id);
    const assets = before.get(intent) ?? new Map<string, bigint>();
    before.set(intent, assets.set(row.asset, row.amount));
  }
  return before;
}

/** Adds what signatures count for to the present minute, after their journal entries. Under the head's lock. */
export async function spendsInsert(
  sql: Sql,
  counted: ReadonlyMap<string, readonly Spend[]>,
): Promise<void> {
  const rows = [...counted].flatMap(([requestId, spends]) =>
    spends.map((spend) => ({ ...spend, requestId })),
  );
  if (rows.length === 0) return;
  await sql.query({
    name: 'signer_spends_insert',
    text: `WITH s AS MATERIALIZED (
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::numeric[])
          AS s(signature_request_id, wallet_group, asset, amount)
      ), added AS (
        SELECT s.wallet_group, s.asset, sum(s.amount) AS amount, t.minute AS last, t.before, t.amount AS had,
          greatest(date_trunc('minute', clock_timestamp()), t.minute) AS minute
        FROM s LEFT JOIN LATERAL (
          SELECT m.minute, m.before, m.amount FROM spend_minute m
          WHERE m.wallet_group = s.wallet_group AND m.asset = s.asset ORDER BY m.minute DESC LIMIT 1) t ON true
        GROUP BY s.wallet_group, s.asset, t.minute, t.before, t.amount
      ), minutes AS (
        INSERT INTO spend_minute AS m (wallet_group, asset, minute, amount, before)
        SELECT wallet_group, asset, minute, amount, coalesce(before + had, 0) FROM added
        ORDER BY wallet_group, asset
        ON CONFLICT (wallet_group, asset, minute) DO UPDATE SET amount = m.amount + excluded.amount
        RETURNING m.wallet_group, m.asset, m.minute
      )
      INSERT INTO spend (signature_request_id, wallet_group, asset, amount, minute)
      SELECT s.signature_request_id, s.wallet_group, s.asset, s.amount, m.minute
      FROM s JOIN minutes m USING (wallet_group, asset)`,
    values: [
      rows.map(({ requestId }) => requestId),
      rows.map(({ walletGroup }) => walletGroup),
      rows.map(({ asset }) => asset),
      rows.map(({ amount }) => amount),
    ],
  });
}
