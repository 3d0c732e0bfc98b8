import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectLaws, quiet } from '../../support/laws.ts';
import { until } from '../../support/until.ts';
import { PRICE } from '../../support/x402/payers.ts';
import { plantPermit2 } from '../../support/x402/permits.ts';
import { Priced, send, sendUntil } from '../../support/x402/priced.ts';
import { receiptOf } from '../../support/x402/shop.ts';
import type { Upstream } from '../../support/x402/upstream.ts';
import { usageAsBooked } from '../../support/x402/usage.ts';

let shop: Priced;
let honest: Upstream['answer'];
beforeAll(async () => {
  const rate = { requestsPerSecond: 1, burst: 6 };
  shop = await Priced.start((settings) => ({
    ...settings,
    x402: { ...settings.x402, challengeRates: { ...settings.x402.challengeRates, address: rate } },
  }));
  honest = shop.upstream.answer;
});
afterAll(() => shop?.stop());
beforeEach(() => {
  shop.upstream.heard = [];
  shop.upstream.answer = honest;
});

const rows: Priced['on']['rows'] = (...asked) => shop.on.rows(...asked);
/** The look at a call that nobody may be at is due now. */
const look = () => rows(`UPDATE job SET run_at = now() WHERE topic = 'gateway.end'`);
const statusOf = async (header: string) => {
  const signed = JSON.parse(Buffer.from(header, 'base64').toString());
  const [row] = await rows<{ status: string; code: string | null }>(
    `SELECT status, failure_code AS code FROM gateway_call WHERE call_id = $1`,
    [signed.accepted.extra.challengeId],
  );
  return row;
};
const untilStatus = (header: string, wanted: string) =>
  until(`the call ${wanted}`, async () => {
    await look();
    return (await statusOf(header))?.status === wanted;
  });
const codeOf = async (answer: Response) => ((await answer.json()) as { code: string }).code;
const left = 1_000_000n - BigInt(PRICE);

describe('a request whose process is gone while it is paid', () => {
  it('is served by another one, and answered from what was kept when its payer comes again', async () => {
    const { on, upstream } = shop;
    await shop.price({ path: '/report', method: 'POST', onFailure: 'refund' });
    const url = shop.at('/report?year=2026');
    const init = { method: 'POST', body: 'of the whole' };
    const { header, payer } = await shop.signedFor(url, init);
    await on.anvil.hold();
    const cut = new AbortController();
    const sent = send(url, header, { ...init, signal: cut.signal }).catch(() => null);
    await until('the order to pay', async () => {
      const [row] = await rows<{ n: number }>(
        `SELECT count(*)::int AS n FROM gateway_call c JOIN payment p USING (payment_id)
         WHERE c.status = 'PAYING' AND p.status = 'RESERVED'`,
      );
      return row!.n === 1;
    });
    await on.stopRole('api');
    cut.abort();
    await sent;
    await look();
    // The chain has not spoken: it goes on being looked at.
    expect((await statusOf(header))?.status).toBe('PAYING');
    on.anvil.resume();
    await untilStatus(header, 'SERVED');
    expect(upstream.heard.map(({ url: heard, body }) => [heard, body])).toEqual([
      ['/api/report?year=2026', 'of the whole'],
    ]);
    expect(upstream.heard[0]!.headers).toMatchObject({ 'payonce-payer': payer });
    await on.startApi();
    const answer = await send(url.replace(/^http:..[^/]+/, on.url), header, init);
    expect([answer.status, answer.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(receiptOf(answer)).toMatchObject({ success: true });
    expect(upstream.heard).toHaveLength(1);
    expect(await on.tokenBalance(payer)).toBe(left);
  });
});

describe('a request whose process is gone while it is charged by its answer', () => {
  it('is charged that once by another one, and answered when its payer comes again', async () => {
    const { on, upstream } = shop;
    await plantPermit2(on);
    await shop.price({ path: '/metered', scheme: 'upto' });
    upstream.charging({ 'payonce-charge': '4000' });
    const { header, payer } = await shop.ceilingFor(shop.at('/metered'));
    const before = await on.tokenBalance(payer);
    await on.anvil.hold();
    const cut = new AbortController();
    const sent = fetch(shop.at('/metered'), {
      headers: { 'payment-signature': header },
      signal: cut.signal,
    }).catch(() => null);
    await until('the charge', async () => (await statusOf(header))?.status === 'CHARGING');
    await on.stopRole('api');
    cut.abort();
    await sent;
    await look();
    expect((await statusOf(header))?.status).toBe('CHARGING');
    on.anvil.resume();
    await untilStatus(header, 'SERVED');
    await on.startApi();
    const answer = await send(shop.at('/metered'), header);
    expect([answer.status, answer.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(receiptOf(answer)).toMatchObject({ success: true, amount: '4000' });
    expect(upstream.heard).toHaveLength(1);
    expect(before - (await on.tokenBalance(payer))).toBe(4_000n);
  }, 120_000);
});

describe('a request whose forwarder is gone', () => {
  /** Sent to an upstream that has it and does not answer; the time of whoever forwarded it is over. */
  async function forwardedAndGone(path: string) {
    let finish = () => {};
    const reached = new Promise<void>((done) => {
      shop.upstream.answer = (_heard, response) => {
        finish = () => response.end('late');
        done();
      };
    });
    const { header, payer } = await shop.signedFor(shop.at(path));
    const sent = sendUntil(shop.at(path), header).then((answer) => answer.text());
    await reached;
    await rows(
      `UPDATE gateway_call SET forwarding_until = now() - interval '1 second' WHERE status = 'FORWARDING'`,
    );
    return { header, payer, finish, sent };
  }

  it('is unknown, and paid back; an answer that comes after all is not kept', async () => {
    await shop.price({ path: '/lost', onFailure: 'refund' });
    const { header, payer, finish, sent } = await forwardedAndGone('/lost');
    await untilStatus(header, 'FAILED');
    expect(await statusOf(header)).toEqual({ status: 'FAILED', code: 'upstream_unknown' });
    finish();
    await sent.catch(() => {});
    await until('the money back', async () => {
      await look();
      return (await shop.on.tokenBalance(payer)) === 1_000_000n;
    });
    const again = await send(shop.at('/lost'), header);
    expect([again.status, await codeOf(again)]).toEqual([502, 'upstream_failed']);
    expect(shop.upstream.times('/api/lost')).toBe(1);
  });

  it('is tried again by its payer where the price says so, and by nobody else', async () => {
    await shop.price({ path: '/again', onFailure: 'retry' });
    const { header, payer, finish, sent } = await forwardedAndGone('/again');
    await untilStatus(header, 'PAID');
    await look();
    finish();
    await sent.catch(() => {});
    expect(shop.upstream.times('/api/again')).toBe(1);
    shop.upstream.answer = honest;
    const answer = await sendUntil(shop.at('/again'), header);
    expect([answer.status, await answer.json()]).toEqual([200, { heard: '/api/again', times: 2 }]);
    expect(await shop.on.tokenBalance(payer)).toBe(left);
  });
});

describe('an answer whose time is over', () => {
  it('is gone: nobody is charged or served again', async () => {
    await shop.price({ path: '/old' });
    const { header, payer } = await shop.signedFor(shop.at('/old'));
    const first = await sendUntil(shop.at('/old'), header);
    expect(await first.json()).toEqual({ heard: '/api/old', times: 1 });
    await rows(
      `UPDATE gateway_call SET kept_until = now() - interval '1 second' WHERE status = 'SERVED'`,
    );
    // Looked at when a worker starts, and every ten minutes.
    await shop.on.stopRole('worker');
    await shop.on.startWorker();
    const answer = await until('the answer to be dropped', async () => {
      const one = await send(shop.at('/old'), header);
      return one.status !== 200 && one;
    });
    expect([answer.status, await codeOf(answer)]).toEqual([410, 'answer_gone']);
    expect(receiptOf(answer)).toMatchObject({ success: true });
    expect(shop.upstream.heard).toHaveLength(1);
    expect(await shop.on.tokenBalance(payer)).toBe(left);
    const kept = await rows(
      `SELECT FROM gateway_call WHERE status IN ('SERVED', 'FAILED', 'UNPAID') AND request IS NOT NULL`,
    );
    expect(kept).toEqual([]);
  });
});

describe('a price that was raised', () => {
  it('is known to the policy by the id of the one before it', async () => {
    const first = await shop.price({ path: '/dearer', price: '0.005' });
    const second = await shop.price({ path: '/dearer' });
    const { id } = first.body as { id: string };
    expect(second).toMatchObject({ status: 201, body: { id, price: '0.01', pending: null } });
    const { header } = await shop.signedFor(shop.at('/dearer'));
    expect((await sendUntil(shop.at('/dearer'), header)).status).toBe(200);
    const known = await rows(
      `SELECT p.priced_endpoint AS id FROM payment p JOIN gateway_call USING (payment_id)
       JOIN priced_endpoint e USING (endpoint_id) WHERE e.path = '/dearer'`,
    );
    expect(known).toEqual([{ id }]);
  }, 60_000);
});

describe('challenges', () => {
  it('are limited by address and price; what is paid for is not', async () => {
    await shop.price({ path: '/often' });
    await shop.price({ path: '/seldom' });
    const { header } = await shop.signedFor(shop.at('/often'));
    const left = (answer: Response) => answer.headers.get('ratelimit');
    const second = await fetch(shop.at('/often'));
    expect([second.status, left(second)?.split(';')[0]]).toEqual([402, '"address"']);
    const before = await rows('SELECT FROM challenge');
    const flood = await Promise.all(Array.from({ length: 20 }, () => fetch(shop.at('/often'))));
    const refused = flood.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await codeOf(refused[0]!)).toBe('rate_limited');
    const after = await rows('SELECT FROM challenge');
    expect(after.length - before.length).toBe(flood.length - refused.length);
    // Garbage in the place of a payment asks for a challenge as well.
    const garbage = await Promise.all(
      Array.from({ length: 20 }, () => send(shop.at('/often'), 'e30=')),
    );
    expect(garbage.some(({ status }) => status === 429)).toBe(true);
    expect((await fetch(shop.at('/seldom'))).status).toBe(402);
    expect((await sendUntil(shop.at('/often'), header)).status).toBe(200);
  });
});

describe('what the endpoints were used for', () => {
  it('is what the ledger holds of their merchant', async () => {
    await quiet(shop.on);
    const { key } = await shop.on.addKey({ scopes: ['payments:read'] });
    const usage = await usageAsBooked(shop.on, key, 'shop');
    const of = (path: string) => usage.find((row) => row.path === path);
    const once = { count: 1, amount: '0.01', amountAtomic: '10000' };
    const none = { count: 0, amount: '0', amountAtomic: '0' };
    expect(of('/dearer')).toMatchObject({
      ...{ method: 'GET', asset: 'USDC', custodial: true, calls: 1, served: 1 },
      ...{ billable: once, settled: once, refunded: none },
    });
    // Its upstream failed after the payment, which went back.
    expect(of('/lost')).toMatchObject({ calls: 1, served: 0, settled: once, refunded: once });
  }, 60_000);
});

describe('the books', () => {
  it('agree with every law when all is quiet', async () => {
    await quiet(shop.on);
    await expectLaws(shop.on);
  });
});
