import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../../support/installation.ts';
import { expectLaws, quiet } from '../../support/laws.ts';
import {
  ask,
  fundedPayer,
  merchantKey,
  PAY_TO,
  PRICE,
  signedPayment,
} from '../../support/x402/payers.ts';
import { payingFetch, receiptOf, Shop } from '../../support/x402/shop.ts';

const HUNDRED = Array.from({ length: 100 });

let on: Installation;
let key: string;
let shop: Shop;
beforeAll(async () => {
  on = await Installation.start({ lanes: 1 });
  key = await merchantKey(on);
  shop = await Shop.open(on.url, on.token, key);
});
afterAll(async () => {
  await shop?.close();
  await on?.stop();
});

const attempts = () => on.rows<{ n: number }>('SELECT count(*)::int AS n FROM attempt');
const paidOut = () => on.tokenBalance(PAY_TO);

describe('unmodified express and fetch', () => {
  it('pay end to end, and the receipt names the transaction on the chain', async () => {
    const payer = await fundedPayer(on.anvil, on.token);
    const { pay } = payingFetch(payer);
    const before = await paidOut();
    const answer = await pay(shop.url);
    expect([answer.status, await answer.json()]).toEqual([200, { report: 'the weather is fine' }]);
    const { success, transaction } = receiptOf(answer);
    expect(success).toBe(true);
    const receipt = await on.anvil.rpc<{ status: string }>(
      'eth_getTransactionReceipt',
      transaction,
    );
    expect(receipt.status).toBe('0x1');
    expect((await paidOut()) - before).toBe(BigInt(PRICE));
  });

  it('are served once for the same header sent 100 times at once', async () => {
    const payer = await fundedPayer(on.anvil, on.token);
    const { pay, header } = payingFetch(payer);
    expect((await pay(shop.url)).status).toBe(200);
    const [served, before] = [shop.served, await paidOut()];
    const again = await Promise.all(
      HUNDRED.map(() => fetch(shop.url, { headers: { 'payment-signature': header() } })),
    );
    expect(new Set(again.map(({ status }) => status))).toEqual(new Set([402]));
    expect([shop.served, await paidOut()]).toEqual([served, before]);
  });

  it('run the handler once when one new payment comes 100 times at once', async () => {
    const payer = await fundedPayer(on.anvil, on.token);
    const { paymentPayload } = await signedPayment(payer, on.token);
    const header = Buffer.from(JSON.stringify(paymentPayload)).toString('base64');
    const [served, before] = [shop.served, await paidOut()];
    const answers = await Promise.all(
      HUNDRED.map(() => fetch(shop.url, { headers: { 'payment-signature': header } })),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(shop.served - served).toBe(1);
    expect((await paidOut()) - before).toBe(BigInt(PRICE));
  });
});

describe('one payment settled 100 times at once', () => {
  it('is one attempt on the chain without a revert, and one success', async () => {
    const payer = await fundedPayer(on.anvil, on.token);
    const body = await signedPayment(payer, on.token);
    const [{ n: before }] = (await attempts()) as [{ n: number }];
    const told = await Promise.all(HUNDRED.map(() => ask(on.url, 'settle', body, key)));
    const successes = told.filter((one) => one.body['success'] === true);
    expect(successes).toHaveLength(1);
    const hash = successes[0]!.body['transaction'];
    const others = told.filter((one) => one.body['success'] !== true);
    expect(new Set(others.map(({ body: { errorReason } }) => errorReason))).toEqual(
      new Set(['duplicate_settlement']),
    );
    expect(new Set(others.map(({ body: { transaction } }) => transaction))).toEqual(
      new Set([hash]),
    );
    const [{ n: after }] = (await attempts()) as [{ n: number }];
    expect(after - before).toBe(1);
    const reverted = await on.rows('SELECT FROM inclusion WHERE NOT succeeded');
    expect(reverted).toEqual([]);
  });

  it('is told again as often as asked to a merchant that remembers what it served', async () => {
    const replaying = await merchantKey(on, { name: 'careful', replays: true });
    const payer = await fundedPayer(on.anvil, on.token);
    const body = await signedPayment(payer, on.token);
    for (const _ of [1, 2, 3]) {
      expect((await ask(on.url, 'settle', body, replaying)).body).toMatchObject({ success: true });
    }
  });
});

describe('a payment signed anew under one identifier', () => {
  it('converges on the first: one charge, and the second authorization is never sent', async () => {
    const payer = await fundedPayer(on.anvil, on.token);
    const identifier = 'order-0123456789abcdef';
    const first = await signedPayment(payer, on.token, { identifier });
    const second = await signedPayment(payer, on.token, { identifier });
    const before = await paidOut();
    const [one, two] = await Promise.all(
      [first, second].map((body) => ask(on.url, 'settle', body, key)),
    );
    expect([one!.body['success'], two!.body['success']].sort()).toEqual([false, true]);
    expect(one!.body['transaction']).toBe(two!.body['transaction']);
    const third = await signedPayment(payer, on.token, { identifier });
    expect((await ask(on.url, 'verify', third, key)).body).toMatchObject({
      isValid: false,
      invalidReason: 'duplicate_settlement',
    });
    expect((await paidOut()) - before).toBe(BigInt(PRICE));
    const rows = await on.rows<{ status: string }>(
      `SELECT status FROM payment WHERE converged_on IS NOT NULL`,
    );
    expect(rows).toEqual([{ status: 'DUPLICATE_REQUEST' }, { status: 'DUPLICATE_REQUEST' }]);
  });

  it('is refused with 409 when the identifier was used for something else', async () => {
    const payer = await fundedPayer(on.anvil, on.token);
    const identifier = 'order-fedcba9876543210';
    await ask(on.url, 'settle', await signedPayment(payer, on.token, { identifier }), key);
    const other = await signedPayment(payer, on.token, { identifier, amount: '10001' });
    expect(await ask(on.url, 'settle', other, key)).toMatchObject({
      status: 409,
      body: { success: false, errorReason: 'payment_identifier_conflict', transaction: '' },
    });
  });
});

describe('a merchant’s own key for a payment', () => {
  const named = (idempotencyKey: string) => ({ 'idempotency-key': idempotencyKey });

  it('has what its payer signs anew converge, and gives way to the payer’s identifier', async () => {
    const payer = await fundedPayer(on.anvil, on.token);
    const before = await paidOut();
    const settle = async (headers: Record<string, string>, identifier?: string) => {
      const over = identifier === undefined ? {} : { identifier };
      const body = await signedPayment(payer, on.token, over);
      return (await ask(on.url, 'settle', body, key, headers)).body;
    };
    const first = await settle(named('order-8'));
    expect(first).toMatchObject({ success: true });
    expect(await settle(named('order-8'))).toMatchObject({
      errorReason: 'duplicate_settlement',
      transaction: first['transaction'],
    });
    const other = await settle(named('order-8'), 'order-9999999999999999');
    expect(other).toMatchObject({ success: true });
    expect((await paidOut()) - before).toBe(2n * BigInt(PRICE));
  });

  it('is refused where it is none', async () => {
    const body = await signedPayment(await fundedPayer(on.anvil, on.token), on.token);
    expect(await ask(on.url, 'verify', body, key, named('two words'))).toMatchObject({
      status: 400,
      body: { code: 'idempotency_key_invalid' },
    });
  });
});

describe('who copies a payment from the chain without its signature', () => {
  it('is told nothing of it', async () => {
    const payer = await fundedPayer(on.anvil, on.token);
    const identifier = 'order-0000000000000001';
    const body = await signedPayment(payer, on.token, { identifier });
    expect((await ask(on.url, 'settle', body, key)).body).toMatchObject({ success: true });
    const copy = structuredClone(body);
    copy.paymentPayload.payload.signature = `0x${'11'.repeat(64)}1b`;
    const anew = structuredClone(copy);
    anew.paymentPayload.payload.authorization['nonce'] = `0x${'22'.repeat(32)}`;
    for (const forged of [copy, anew]) {
      for (const question of ['verify', 'settle'] as const) {
        const { body: told } = await ask(on.url, question, forged, key);
        const reason = told['invalidReason'] ?? told['errorReason'];
        expect([reason, told['extra']]).toEqual(['invalid_exact_evm_signature', undefined]);
      }
    }
  });
});

describe('the books of the facilitator', () => {
  it('agree with every law when all is quiet', async () => {
    await quiet(on);
    await expectLaws(on);
    const open = await on.rows<{ status: string }>(`SELECT DISTINCT status FROM payment`);
    expect(open.map(({ status }) => status).sort()).toEqual(['DUPLICATE_REQUEST', 'SETTLED']);
  });
});
