import { expect } from 'vitest';
import type { UsageView } from '../../../src/roads/x402/index.ts';
import type { Installation } from '../installation.ts';

type Page = { usage: UsageView[]; cursor: string | null };

/** A merchant's usage, read page by page; it is what the ledger holds of the merchant, to the last unit. */
export async function usageAsBooked(
  on: Installation,
  key: string,
  merchant: string,
): Promise<UsageView[]> {
  const usage: UsageView[] = [];
  const to = new Date(Date.now() + 3_600_000).toISOString();
  for (let cursor: string | null = ''; cursor !== null; ) {
    const more: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const path = `/v1/merchants/${merchant}/usage?limit=2&to=${to}${more}`;
    const { status, body }: { status: number; body: Page } = await on.call<Page>(
      ...(['GET', path, undefined, { authorization: `Bearer ${key}` }] as const),
    );
    expect(status).toBe(200);
    usage.push(...body.usage);
    cursor = body.cursor;
  }
  expect(new Set(usage.map(({ id }) => id)).size).toBe(usage.length);
  const sum = (of: 'billable' | 'settled' | 'refunded', rows = usage) =>
    rows.reduce((total, row) => total + BigInt(row[of].amountAtomic), 0n);
  const own = usage.filter(({ custodial }) => custodial);
  const [booked] = await on.rows<{ earned: bigint; pending: bigint; refunded: bigint }>(
    `WITH moved AS (
       SELECT t.kind, t.subject_id, p.amount FROM transfer t JOIN posting p USING (transfer_id)
       WHERE t.tenant_id = $1 AND t.account = $2
     )
     SELECT coalesce(sum(CASE kind WHEN 'EARN' THEN amount WHEN 'UNEARN' THEN -amount END), 0) AS earned,
       (SELECT coalesce(sum(balance), 0) FROM ledger_account
        WHERE tenant_id = $1 AND owner = $2 AND kind = 'pending') AS pending,
       coalesce(sum(amount) FILTER (WHERE kind = 'COMMIT'
         AND subject_id IN (SELECT withdrawal_id FROM payout_order)), 0) AS refunded
     FROM moved`,
    [on.tenantId, `merchant:${merchant}`],
  );
  expect({
    earned: sum('settled', own),
    pending: sum('billable', own) - sum('settled', own),
    refunded: sum('refunded'),
  }).toEqual(booked);
  return usage;
}
