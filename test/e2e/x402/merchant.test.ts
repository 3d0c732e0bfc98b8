import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../../support/installation.ts';
import { until } from '../../support/until.ts';
import { Front } from '../../support/x402/front.ts';
import {
  fundedPayer,
  merchantKey,
  PAY_TO,
  PRICE,
  signedPayment,
} from '../../support/x402/payers.ts';
import { payingFetch, receiptOf, Shop } from '../../support/x402/shop.ts';

const HUNDRED = Array.from({ length: 100 });

/** A facilitator that waits next to nothing for a block: whoever asks must ask again. */
let on: Installation;
/** Between merchants and the facilitator. */
let front: Front;
let shop: Shop;
beforeAll(async () => {
  on = await Installation.start({
    lanes: 1,
    settings: (settings) => ({
      ...settings,
      x402: { ...settings.x402, waitMs: 100, verifyLeaseMs: 3_000 },
    }),
  });
  const key = await merchantKey(on, { replays: true });
  front = await Front.open(on.url);
  shop = await Shop.open(front.url, on.token, key, { helped: true });
});
afterAll(async () => {
  await shop?.close();
  await front?.close();
  await on?.stop();
});

const paidOut = () => on.tokenBalance(PAY_TO);

describe('a merchant with our helpers', () => {
  it('serves a payment as often as it is asked for, and charges it once', async () => {
    const { pay, header } = payingFetch(await fundedPayer(on.anvil, on.token));
    const [served, before] = [shop.served, await paidOut()];
    const first = await pay(shop.url);
    expect([first.status, receiptOf(first).success]).toEqual([200, true]);
    const again = await Promise.all(
      HUNDRED.map(() => fetch(shop.url, { headers: { 'payment-signature': header() } })),
    );
    for (const answer of again) {
      expect([answer.status, await answer.json()]).toEqual([
        200,
        { report: 'the weather is fine' },
      ]);
      expect(receiptOf(answer).transaction).toBe(receiptOf(first).transaction);
    }
    expect([shop.served - served, (await paidOut()) - before]).toEqual([1, BigInt(PRICE)]);
  });

  it('answers a hundred that bring one new payment at once, all alike', async () => {
    const payer = await fundedPayer(on.anvil, on.token);
    const { paymentPayload } = await signedPayment(payer, on.token);
    const header = Buffer.from(JSON.stringify(paymentPayload)).toString('base64');
    const [served, before] = [shop.served, await paidOut()];
    const answers = await Promise.all(
      HUNDRED.map(() => fetch(shop.url, { headers: { 'payment-signature': header } })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect([shop.served - served, (await paidOut()) - before]).toEqual([1, BigInt(PRICE)]);
  });

  it('waits for a block that is long in coming, and asks nobody to pay again', async () => {
    const payer = await fundedPayer(on.anvil, on.token);
    const { pay } = payingFetch(payer);
    await on.anvil.hold();
    const waiting = pay(shop.url);
    const looks = front.times('GET /v1/payments/');
    await until(
      'looks at what is pending',
      async () => front.times('GET /v1/payments/') > looks + 1,
    );
    on.anvil.resume();
    const answer = await waiting;
    expect([answer.status, receiptOf(answer).success]).toEqual([200, true]);
    expect(await on.tokenBalance(payer.address as `0x${string}`)).toBe(
      1_000_000_000n - BigInt(PRICE),
    );
  });

  it('serves a payment whose answers are lost, and charges it once, also where a success is told once', async () => {
    const key = await merchantKey(on, { name: 'careless' });
    const careless = await Shop.open(front.url, on.token, key, { helped: true });
    const lost = { verify: 1, settle: 1 };
    front.loses = ({ what, status }) => {
      const question = what.endsWith('/verify') ? 'verify' : 'settle';
      if (!what.startsWith('POST') || status !== 200 || lost[question] === 0) return false;
      lost[question] -= 1;
      return true;
    };
    try {
      const payer = await fundedPayer(on.anvil, on.token);
      const answer = await payingFetch(payer).pay(careless.url);
      expect([answer.status, receiptOf(answer).success]).toEqual([200, true]);
      expect([careless.served, lost]).toEqual([1, { verify: 0, settle: 0 }]);
      const left = await on.tokenBalance(payer.address as `0x${string}`);
      expect(left).toBe(1_000_000_000n - BigInt(PRICE));
    } finally {
      front.loses = () => false;
      await careless.close();
    }
  });

  it('serves who signs anew under one Idempotency-Key, and charges it once', async () => {
    const payer = await fundedPayer(on.anvil, on.token);
    const served = shop.served;
    const order = { headers: { 'idempotency-key': 'order 7' } };
    for (const _ of [1, 2, 3]) {
      const answer = await payingFetch(payer).pay(shop.url, order);
      expect([answer.status, await answer.json()]).toEqual([
        200,
        { report: 'the weather is fine' },
      ]);
    }
    expect(shop.served - served).toBe(1);
    const left = await on.tokenBalance(payer.address as `0x${string}`);
    expect(left).toBe(1_000_000_000n - BigInt(PRICE));
    const other = await fundedPayer(on.anvil, on.token);
    expect((await payingFetch(other).pay(shop.url, order)).status).toBe(200);
    expect(shop.served - served).toBe(2);
  });
});
