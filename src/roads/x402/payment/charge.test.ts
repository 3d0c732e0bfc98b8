import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { inTransaction } from '../../../base/db/index.ts';
import type { PaymentState } from '../../../base/kernel/index.ts';
import { charge } from './charge.ts';

let on: MainDatabase;
beforeAll(async () => {
  on = await MainDatabase.start();
});
afterAll(() => on?.stop());

/** A payment of which its payer signed 100 at most. */
async function signed(method = 'upto'): Promise<string> {
  const [made] = await on.rows<{ id: string }>(
    `INSERT INTO payment (tenant_id, merchant_id, status, endpoint, fingerprint, authorization_id, chain_id, asset, token, payer,
       pay_to, amount, valid_after, valid_before, nonce, signature, wait_until, commit_at, risk_tier, correlation_id, method,
       facilitator)
     VALUES ($1, $1, 'AUTH_SIGNED', '', gen_random_uuid(), sha256(gen_random_uuid()::text::bytea), 1, 'a', $2, $2, $2, 100, 0, 1,
       sha256(''), 'x', 'included', 'safe', 'low', 'c', $3::text, CASE $3::text WHEN 'upto' THEN $2::bytea END)
     RETURNING payment_id AS id`,
    ['01890000-0000-7000-8000-000000000001', Buffer.alloc(20, 7), method],
  );
  return made!.id;
}

const charged = (id: string, amount: bigint, status: PaymentState = 'AUTH_SIGNED') =>
  inTransaction(on.app, (sql) => charge(sql, new Map([[id, { status }]]), new Map([[id, amount]])));

async function standing(id: string): Promise<string> {
  const [row] = await on.rows<{ status: string; charged: bigint | null }>(
    'SELECT status, charged FROM payment WHERE payment_id = $1',
    [id],
  );
  return `${row!.status} ${row!.charged}`;
}

describe('what is charged', () => {
  it('is written down before anything is reserved', async () => {
    const id = await signed();
    expect(await charged(id, 40n)).toEqual(new Set());
    expect(await standing(id)).toBe('AUTH_VERIFIED 40');
  });

  it('of nothing is the end', async () => {
    const id = await signed();
    expect(await charged(id, 0n)).toEqual(new Set([id]));
    expect(await standing(id)).toBe('VOIDED 0');
    await charged(id, 40n, 'VOIDED');
    expect(await standing(id)).toBe('VOIDED 0');
  });

  it('stands: the first of two, and whatever anybody else writes', async () => {
    const id = await signed();
    await charged(id, 40n);
    await charged(id, 50n, 'AUTH_VERIFIED');
    expect(await standing(id)).toBe('AUTH_VERIFIED 40');
    const other = on.rows('UPDATE payment SET charged = 50 WHERE payment_id = $1', [id]);
    await expect(other).rejects.toThrow(/40 was charged/);
  });

  it('is at most what was signed, of `upto` alone, or nothing is reserved', async () => {
    await expect(charged(await signed(), 101n)).rejects.toThrow(/payment_charged/);
    await expect(charged(await signed('permit2'), 40n)).rejects.toThrow(/payment_charged/);
    const id = await signed();
    await on.rows(`UPDATE payment SET status = 'AUTH_VERIFIED' WHERE payment_id = $1`, [id]);
    const reserved = on.rows(`UPDATE payment SET status = 'RESERVED' WHERE payment_id = $1`, [id]);
    await expect(reserved).rejects.toThrow(/payment_charged/);
  });
});
