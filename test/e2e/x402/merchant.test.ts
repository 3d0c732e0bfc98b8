import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../../support/installation.ts';
import { until } from '../../support/until.ts';
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
let shop: Shop;
beforeAll(async () => {
  on = await Installation.start({
    lanes: 1,
    settings: (settings) => ({ ...settings, x402: { ...settings.x402, waitMs: 100 } }),
  });
  const key = await merchantKey(on, { replays: true });
  shop = await Shop.open(on.url, on.token, key, { helped: true });
}, 120_000);
afterAll(async () => {
  await shop?.close();
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
  }, 60_000);

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
  }, 60_000);

  it('waits for a block that is long in coming, and asks nobody to pay again', async () => {
    const payer = await fundedPayer(on.anvil, on.token);
    const { pay } = payingFetch(payer);
    await on.anvil.rpc('evm_setIntervalMining', 0);
    const waiting = pay(shop.url);
    await until('the answer that it is pending, told twice', async () => {
      const rows = await on.rows(
        'SELECT FROM payment WHERE pending_told_at IS NOT NULL AND status = $1',
        ['RESERVED'],
      );
      return rows.length > 0;
    });
    await on.anvil.rpc('evm_setIntervalMining', 1);
    const answer = await waiting;
    expect([answer.status, receiptOf(answer).success]).toEqual([200, true]);
    expect(await on.tokenBalance(payer.address as `0x${string}`)).toBe(
      1_000_000_000n - BigInt(PRICE),
    );
  }, 60_000);
});
