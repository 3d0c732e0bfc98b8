import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Address, parseNetwork } from '../../../src/base/kernel/index.ts';
import { Installation } from '../../support/installation.ts';
import { expectLaws, quiet } from '../../support/laws.ts';
import { HonoShop, payingAxios } from '../../support/x402/hono-shop.ts';
import {
  fundedPayer,
  merchantKey,
  PAY_TO,
  PRICE,
  signedPayment,
} from '../../support/x402/payers.ts';
import { required } from '../../support/x402/priced.ts';
import { payingFetch, receiptOf } from '../../support/x402/shop.ts';
import { Upstream } from '../../support/x402/upstream.ts';

const HUNDRED = Array.from({ length: 100 });
const REPORT = { report: 'the weather is fine' };

let on: Installation;
let upstream: Upstream;
let shop: HonoShop;
let helped: HonoShop;
let honest: Upstream['answer'];
beforeAll(async () => {
  upstream = await Upstream.open();
  honest = upstream.answer;
  const upstreamNetworks = [parseNetwork('127.0.0.0/8')!];
  on = await Installation.start({
    lanes: 1,
    settings: (settings) => ({ ...settings, x402: { ...settings.x402, upstreamNetworks } }),
  });
  const payTo = on.settings.lanes[0]!.address;
  const key = await merchantKey(on, { payTo: [PAY_TO, payTo] });
  shop = await HonoShop.open(on.url, on.token, key);
  const careful = await merchantKey(on, { name: 'careful', replays: true });
  helped = await HonoShop.open(on.url, on.token, careful, { helped: true });
  const manager = (await on.addKey({ scopes: ['payments:*'] })).key;
  const priced = { merchant: 'shop', method: 'GET', path: '/weather/*', asset: 'USDC' };
  const endpoint = { ...priced, price: '0.01', payTo, upstream: upstream.url, onFailure: 'retry' };
  const put = await on.call('POST', '/v1/priced-endpoints', endpoint, {
    authorization: `Bearer ${manager}`,
  });
  expect(put.status).toBe(201);
});
afterAll(async () => {
  await shop?.close();
  await helped?.close();
  await on?.stop();
  await upstream?.close();
});
beforeEach(() => {
  upstream.heard = [];
  upstream.answer = honest;
});

const at = (path: string) => `${on.url}/gateway/demo.shop/weather/${path}`;
const FUNDS = 1_000_000n;
const newPayer = () => fundedPayer(on.anvil, on.token, FUNDS);
const spent = async ({ address }: { address: string }) =>
  FUNDS - (await on.tokenBalance(address as Address));
const ONCE = BigInt(PRICE);

describe('unmodified hono and axios', () => {
  it('pay end to end', async () => {
    const payer = await newPayer();
    const { status, data, headers } = await payingAxios(payer).get(shop.url);
    expect([status, data]).toEqual([200, REPORT]);
    expect(headers['payment-response']).toBeTypeOf('string');
    expect(await spent(payer)).toBe(ONCE);
    const fetching = await newPayer();
    expect((await payingFetch(fetching).pay(shop.url)).status).toBe(200);
    expect(await spent(fetching)).toBe(ONCE);
  });

  it('run the handler once when one new payment comes 100 times at once; with our helper all are served', async () => {
    for (const merchant of [shop, helped]) {
      const payer = await newPayer();
      const { paymentPayload } = await signedPayment(payer, on.token);
      const header = Buffer.from(JSON.stringify(paymentPayload)).toString('base64');
      const served = merchant.served;
      const answers = await Promise.all(
        HUNDRED.map(() => fetch(merchant.url, { headers: { 'payment-signature': header } })),
      );
      const good = answers.filter(({ status }) => status === 200);
      expect(good).toHaveLength(merchant === helped ? 100 : 1);
      for (const answer of good) expect(await answer.json()).toEqual(REPORT);
      expect([merchant.served - served, await spent(payer)]).toEqual([1, ONCE]);
    }
  });

  it('charge once, and serve again with our helper, who names each payment alike', async () => {
    const payer = await newPayer();
    const client = payingAxios(payer, 'order-hono-000000000001');
    const served = helped.served;
    const answers = await Promise.all([1, 2, 3].map(() => client.get(helped.url)));
    answers.push(await client.get(helped.url));
    expect(answers.map(({ status, data }) => [status, data])).toEqual(
      answers.map(() => [200, REPORT]),
    );
    expect([helped.served - served, await spent(payer)]).toEqual([1, ONCE]);
  });
});

describe('a payment that is named alike each time, through the gateway', () => {
  it('is charged once and served each time, also at once, by fetch and by axios', async () => {
    const payer = await newPayer();
    const name = 'order-gate-000000000001';
    const { pay } = payingFetch(payer, name);
    const answers = await Promise.all([1, 2, 3].map(() => pay(at('seoul'))));
    answers.push(await pay(at('seoul')));
    for (const answer of answers) {
      expect([answer.status, await answer.json()]).toEqual([
        200,
        { heard: '/weather/seoul', times: 1 },
      ]);
      expect(receiptOf(answer).transaction).toBe(receiptOf(answers[0]!).transaction);
    }
    const { status, data } = await payingAxios(payer, name).get(at('seoul'));
    expect([status, data]).toEqual([200, { heard: '/weather/seoul', times: 1 }]);
    expect([upstream.times('/weather/seoul'), await spent(payer)]).toEqual([1, ONCE]);
  });

  it('is charged once by who asks anew after each failure', async () => {
    const payer = await newPayer();
    const { pay } = payingFetch(payer, 'order-gate-000000000002');
    upstream.answer = (heard, response) => {
      if (upstream.heard.length < 3) response.writeHead(500).end();
      else honest(heard, response);
    };
    const statuses = [];
    for (const _ of [1, 2, 3, 4]) statuses.push((await pay(at('busan'))).status);
    expect(statuses).toEqual([502, 502, 200, 200]);
    expect([upstream.times('/weather/busan'), await spent(payer)]).toEqual([3, ONCE]);
  });

  it('pays no other request, and nothing for one', async () => {
    const payer = await newPayer();
    const { pay } = payingFetch(payer, 'order-gate-000000000003');
    expect((await pay(at('jeju?day=1'))).status).toBe(200);
    expect((await pay(at('jeju?day=2'))).status).toBe(402);
    expect([upstream.times('/weather/jeju'), await spent(payer)]).toEqual([1, ONCE]);
  });

  it('is nobody’s who copied it from the chain, the signature too', async () => {
    const payer = await newPayer();
    const { pay, header } = payingFetch(payer);
    expect((await pay(at('ulsan'))).status).toBe(200);
    const copied = JSON.parse(Buffer.from(header(), 'base64').toString()) as {
      accepted: Record<string, unknown>;
      payload: Record<string, unknown>;
    };
    const { payload } = copied;
    const signature = `0x${'11'.repeat(64)}1b`;
    const [theirs] = required(await fetch(at('ulsan'))).accepts;
    const extra = { challengeId: randomUUID() };
    for (const [more, status] of [
      [{ payload: { ...payload, signature } }, 402],
      [{ accepted: { ...copied.accepted, extra } }, 402],
      [{ accepted: theirs }, 409],
    ] as const) {
      const forged = Buffer.from(JSON.stringify({ ...copied, ...more })).toString('base64');
      const answer = await fetch(at('ulsan'), { headers: { 'payment-signature': forged } });
      expect(answer.status).toBe(status);
    }
    expect(upstream.times('/weather/ulsan')).toBe(1);
    const own = await fetch(at('ulsan'), { headers: { 'payment-signature': header() } });
    expect(own.status).toBe(200);
  });
});

describe('an Idempotency-Key at the gateway', () => {
  const under = (key: string) => ({ headers: { 'idempotency-key': key } });

  it('is one charge and one answer for its payer, who signs anew each time', async () => {
    const [payer, other] = [await newPayer(), await newPayer()];
    const { pay } = payingFetch(payer);
    const ask = () => pay(at('keyed'), under('order-1'));
    const answers = await Promise.all([ask(), ask(), ask()]);
    answers.push(await ask());
    for (const answer of answers) {
      expect([answer.status, await answer.json()]).toEqual([
        200,
        { heard: '/weather/keyed', times: 1 },
      ]);
    }
    expect(await spent(payer)).toBe(ONCE);
    // Of another payer it is another’s key, and so is another key.
    const { pay: theirs } = payingFetch(other);
    expect((await theirs(at('keyed'), under('order-1'))).status).toBe(200);
    expect((await pay(at('keyed'), under('order-2'))).status).toBe(200);
    expect([await spent(payer), await spent(other)]).toEqual([2n * ONCE, ONCE]);
    expect(upstream.times('/weather/keyed')).toBe(3);
  });

  it('beside another payment-identifier is refused, and so is one of another form', async () => {
    const payer = await newPayer();
    const name = 'order-keyed-00000000001';
    const { pay } = payingFetch(payer, name);
    const refused = await pay(at('two'), under('order-3'));
    expect([refused.status, await refused.json()]).toEqual([
      400,
      expect.objectContaining({ code: 'idempotency_key_mismatch' }),
    ]);
    const bad = await fetch(at('two'), under('a b'));
    expect([bad.status, await bad.json()]).toEqual([
      400,
      expect.objectContaining({ code: 'idempotency_key_invalid' }),
    ]);
    expect([upstream.heard, await spent(payer)]).toEqual([[], 0n]);
    expect((await pay(at('two'), under(name))).status).toBe(200);
  });
});

describe('the books', () => {
  it('agree with every law when all is quiet', async () => {
    await quiet(on);
    await expectLaws(on);
  });
});
