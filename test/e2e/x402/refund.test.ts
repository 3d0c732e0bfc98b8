import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Address } from '../../../src/base/kernel/index.ts';
import { Installation } from '../../support/installation.ts';
import { expectLaws, quiet } from '../../support/laws.ts';
import { until } from '../../support/until.ts';
import {
  ask,
  fundedPayer,
  merchantKey,
  refund as refundWith,
  signedPayment,
} from '../../support/x402/payers.ts';
import { usageAsBooked } from '../../support/x402/usage.ts';

let on: Installation;
let key: string;
let payTo: Address;
beforeAll(async () => {
  on = await Installation.start({
    lanes: 1,
    settings: (settings) => ({ ...settings, x402: { ...settings.x402, waitMs: 2_000 } }),
  });
  payTo = on.settings.lanes[0]!.address;
  key = await merchantKey(on, { payTo: [payTo] });
});
afterAll(() => on?.stop());

const refund = (id: string, body: Record<string, unknown>, idempotencyKey?: string) =>
  refundWith(on, key, id, { reason: 'the report was late', ...body }, idempotencyKey);

async function read<Body>(path: string, as = key): Promise<{ status: number; body: Body }> {
  const answer = await fetch(`${on.url}${path}`, { headers: { authorization: `Bearer ${as}` } });
  return { status: answer.status, body: (await answer.json()) as Body };
}

type Refund = { id: string; status: string; failure: { code: string } | null };
const refundsOf = async (id: string) =>
  (await read<{ items: Refund[] }>(`/v1/payments/${id}/refunds`)).body.items;
const paymentOf = async (id: string) =>
  (await read<{ status: string; refundedAtomic: string }>(`/v1/payments/${id}`)).body;

/** A payment of 1 USDC that is final; its id, and who paid. */
async function paid(as = key, to = payTo): Promise<{ id: string; payer: Address }> {
  const payer = await fundedPayer(on.anvil, on.token, 1_000_000n);
  const body = await signedPayment(payer, on.token, { payTo: to, amount: '1000000' });
  const told = await until('the success', async () => {
    const { body: answer } = await ask(on.url, 'settle', body, as);
    return answer['success'] === true && (answer['extra'] as { paymentId: string });
  });
  await quiet(on);
  return { id: told.paymentId, payer: payer.address as Address };
}

describe('a refund', () => {
  it('goes back to the payer, in parts, once for each key, and never beyond what was paid', async () => {
    const { id, payer } = await paid();
    const first = await refund(id, { amount: '0.4' }, 'part-1');
    expect(first).toMatchObject({
      status: 202,
      body: { paymentId: id, status: 'PENDING', amount: '0.4', amountAtomic: '400000' },
    });
    expect((await paymentOf(id)).status).toBe('REFUND_PENDING');
    const again = await Promise.all(
      Array.from({ length: 20 }, () => refund(id, { amount: '0.4' }, 'part-1')),
    );
    expect(new Set(again.map(({ body }) => body['id']))).toEqual(new Set([first.body['id']]));
    await quiet(on);
    expect(await paymentOf(id)).toMatchObject({ status: 'REFUNDED', refundedAtomic: '400000' });
    expect(await on.tokenBalance(payer)).toBe(400_000n);

    expect(await refund(id, { amount: '0.600001' })).toMatchObject({
      status: 422,
      body: { code: 'refund_exceeds_payment', refundable: '0.6' },
    });
    expect(await refund(id, { amount: '0.5' }, 'part-1')).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_conflict' },
    });
    // The rest, asked for by many at once with keys of their own: one of them has it.
    const rest = await Promise.all(Array.from({ length: 10 }, () => refund(id, {})));
    expect(rest.filter(({ status }) => status === 202)).toHaveLength(1);
    await quiet(on);
    expect(await paymentOf(id)).toMatchObject({ status: 'REFUNDED', refundedAtomic: '1000000' });
    expect(await on.tokenBalance(payer)).toBe(1_000_000n);
    expect((await refundsOf(id)).map(({ status }) => status)).toEqual(['PAID', 'PAID']);
    // By whom they were asked for is known: where persons are asked, that one may not approve them.
    const asked = await on.rows(
      `SELECT FROM withdrawal w JOIN api_key_secret s ON s.key_id = w.initiated_by WHERE s.prefix = split_part($1, '_', 2)`,
      [key],
    );
    expect(asked).toHaveLength(2);
    await expectLaws(on);
  });

  it('is paid from what the merchant has, and fails where that is gone by then', async () => {
    const { id, payer } = await paid();
    await on.stopRole('worker');
    expect((await refund(id, {})).status).toBe(202);
    // The merchant is paid out before its refund is.
    const out = await on.withdraw({
      account: 'merchant:shop',
      asset: 'USDC',
      amount: '0.5',
      to: `0x${'ee'.repeat(20)}`,
    });
    expect(out.status).toBe(422);
    await on.deposit('merchant:shop', 'USDC', '1');
    const took = await on.withdraw({
      account: 'merchant:shop',
      asset: 'USDC',
      amount: '1.5',
      to: `0x${'ee'.repeat(20)}`,
    });
    expect(took.status).toBe(202);
    await on.startWorker();
    await quiet(on);
    expect(await refundsOf(id)).toMatchObject([
      { status: 'FAILED', failure: { code: 'insufficient_balance' } },
    ]);
    expect(await paymentOf(id)).toMatchObject({ status: 'REFUND_PENDING', refundedAtomic: '0' });
    expect(await refund(id, {})).toMatchObject({
      status: 422,
      body: { code: 'insufficient_balance', available: '0' },
    });
    await on.deposit('merchant:shop', 'USDC', '1');
    expect((await refund(id, {})).status).toBe(202);
    await quiet(on);
    expect(await on.tokenBalance(payer)).toBe(1_000_000n);
    await expectLaws(on);
  });

  it('of what went to somebody else is refused, unless the merchant funded its account', async () => {
    const elsewhere: Address = `0x${'cafe'.repeat(10)}`;
    const other = await merchantKey(on, { name: 'outside', payTo: [elsewhere] });
    const { id, payer } = await paid(other, elsewhere);
    const give = () => refundWith(on, other, id, { reason: 'broken' });
    expect(await give()).toMatchObject({ status: 409, body: { code: 'not_custodial' } });
    await on.deposit('merchant:outside', 'USDC', '5');
    expect((await give()).status).toBe(202);
    await quiet(on);
    expect(await on.tokenBalance(payer)).toBe(1_000_000n);
    // Another merchant's payment is not there, nor is its statement.
    expect((await refund(id, {})).status).toBe(404);
    expect((await read('/v1/merchants/outside/balances')).status).toBe(404);
    expect(await read('/v1/merchants/outside/balances', other)).toMatchObject({
      status: 200,
      body: { balances: [{ asset: 'USDC', available: '4', pending: '0' }] },
    });
  });

  it('waits for finality, and is well formed', async () => {
    const body = await signedPayment(await fundedPayer(on.anvil, on.token), on.token, { payTo });
    await on.anvil.hold();
    await until('the hash', async () => {
      return (await ask(on.url, 'settle', body, key)).body['transaction'] !== '';
    });
    const [row] = await on.rows<{ id: string }>(
      'SELECT payment_id AS id FROM payment ORDER BY payment_id DESC LIMIT 1',
    );
    expect(await refund(row!.id, {})).toMatchObject({
      status: 409,
      body: { code: 'not_refundable', reason: 'not_settled' },
    });
    on.anvil.resume();
    await quiet(on);
    for (const wrong of [
      { amount: 1 },
      { amount: '0' },
      { amount: '-1' },
      { amount: '0.0000001' },
      { reason: '' },
      { reason: null },
      { reason: 'x'.repeat(256) },
      { to: payTo },
    ]) {
      const { status, body: told } = await refund(row!.id, wrong);
      expect([wrong, status]).toEqual([wrong, 400]);
      expect(String(told['code'])).toMatch(/invalid_amount|invalid_request|unknown_field/);
    }
    expect((await refund(row!.id, {}, '')).body['code']).toBe('idempotency_key_required');
    expect((await refund('nonsense', {})).status).toBe(404);
    expect((await paymentOf(row!.id)).status).toBe('SETTLED');
    expect(await read('/v1/payments?paymentIdentifier=a%00')).toMatchObject({
      ...{ status: 400, body: { code: 'invalid_request' } },
    });
  });
});

describe('what a merchant was used for', () => {
  it('is what the ledger holds of it, with what was given back', async () => {
    const [own, ...none] = await usageAsBooked(on, key, 'shop');
    expect(none).toEqual([]);
    expect(own).toMatchObject({ endpoint: null, asset: 'USDC', custodial: true, served: 0 });
    expect(own).toMatchObject({ settled: { count: own!.calls }, refunded: { count: 2 } });
    expect(own!.refunded.amount).toBe('2');
  });

  it('is told of what went to somebody else, to its merchant alone', async () => {
    expect((await read('/v1/merchants/outside/usage')).status).toBe(404);
    const { key: all } = await on.addKey({ scopes: ['payments:read'] });
    expect((await read('/v1/merchants/nobody/usage', all)).status).toBe(404);
    const [outside] = await usageAsBooked(on, all, 'outside');
    expect(outside).toMatchObject({
      ...{ custodial: false, calls: 1, settled: { count: 1, amount: '1' } },
      refunded: { count: 1, amount: '1' },
    });
    const before = '/v1/merchants/outside/usage?from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z';
    expect((await read(before, all)).body).toMatchObject({ usage: [], cursor: null });
  });

  it.each([
    ['from=2026-02-01T00:00:00Z&to=2026-02-01T00:00:00Z', 'invalid_request'],
    ['from=2024-01-01T00:00:00Z&to=2026-02-01T00:00:00Z', 'invalid_request'],
    ['from=yesterday', 'invalid_request'],
    ['cursor=x', 'invalid_cursor'],
    ['until=now', 'unknown_field'],
  ])('asked for %s is refused: %s', async (query, code) => {
    const { body } = await read<{ code: string }>(`/v1/merchants/shop/usage?${query}`);
    expect(body.code).toBe(code);
  });
});

describe('a merchant’s statement', () => {
  it('adds up to its balance', async () => {
    type Line = { kind: string; availableAtomic: string };
    const path = '/v1/merchants/shop/transfers?limit=200';
    const { transfers } = (await read<{ transfers: Line[] }>(path)).body;
    const sum = transfers.reduce((total, line) => total + BigInt(line.availableAtomic), 0n);
    type Balances = { balances: { availableAtomic: string }[] };
    const { balances } = (await read<Balances>('/v1/merchants/shop/balances')).body;
    expect(sum.toString()).toBe(balances[0]!.availableAtomic);
    expect(new Set(transfers.map(({ kind }) => kind))).toEqual(
      new Set(['EARN', 'RESERVE', 'DEPOSIT', 'COMMIT']),
    );
  });
});
