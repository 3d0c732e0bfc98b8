import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Address } from '../../../src/base/kernel/index.ts';
import type { Installation } from '../../support/installation.ts';
import { expectLaws, quiet } from '../../support/laws.ts';
import { until } from '../../support/until.ts';
import { fundedPayer, PRICE } from '../../support/x402/payers.ts';
import { permittingPayer, plantPermit2 } from '../../support/x402/permits.ts';
import { Priced, required, send, sendUntil } from '../../support/x402/priced.ts';
import { payingFetch, receiptOf } from '../../support/x402/shop.ts';
import type { Upstream } from '../../support/x402/upstream.ts';
import { meteredPrices } from './metered.ts';

const HUNDRED = Array.from({ length: 100 });

let shop: Priced;
let on: Installation;
let upstream: Upstream;
let honest: Upstream['answer'];
beforeAll(async () => {
  shop = await Priced.start();
  ({ on, upstream } = shop);
  honest = upstream.answer;
  await price({ path: '/weather/*' });
});
afterAll(() => shop?.stop());
beforeEach(() => {
  upstream.heard = [];
  upstream.answer = honest;
});

const price: Priced['price'] = (over) => shop.price(over);
const at: Priced['at'] = (path) => shop.at(path);
const signedFor: Priced['signedFor'] = (...asked) => shop.signedFor(...asked);

describe('an unmodified @x402/fetch', () => {
  it('pays through the gateway, and asks again without a charge', async () => {
    const payer = await fundedPayer(on.anvil, on.token, 1_000_000n);
    const { pay, header } = payingFetch(payer);
    const url = at('/weather/seoul?unit=c');
    const answer = await pay(url);
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { heard: '/api/weather/seoul?unit=c', times: 1 },
    ]);
    expect(receiptOf(answer)).toMatchObject({ success: true });
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect(answer.headers.get('content-security-policy')).toContain('sandbox');
    const [heard] = upstream.heard;
    expect(heard!.headers).toMatchObject({ 'payonce-payer': payer.address });
    expect(heard!.headers).not.toHaveProperty('payment-signature');

    const again = await Promise.all(HUNDRED.map(() => send(url, header())));
    expect(new Set(again.map(({ status }) => status))).toEqual(new Set([200]));
    for (const one of again) {
      expect(one.headers.get('idempotent-replayed')).toBe('true');
      expect(await one.json()).toEqual({ heard: '/api/weather/seoul?unit=c', times: 1 });
    }
    expect(upstream.heard).toHaveLength(1);
    expect(await on.tokenBalance(payer.address as Address)).toBe(1_000_000n - BigInt(PRICE));
  });
});

describe('one payment sent 100 times at once', () => {
  it('is forwarded once, charged once, and answered alike', async () => {
    const url = at('/weather/busan');
    const { header, payer } = await signedFor(url);
    const answers = await Promise.all(HUNDRED.map(() => sendUntil(url, header)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(upstream.times('/api/weather/busan')).toBe(1);
    expect(await on.tokenBalance(payer)).toBe(1_000_000n - BigInt(PRICE));
  });
});

describe('a payment', () => {
  it('pays the request that it was signed for, and no other of the same price', async () => {
    await price({ path: '/note', method: 'POST' });
    const url = at('/note');
    const init = { method: 'POST', body: 'one' };
    const { header, payer } = await signedFor(url, init);
    for (const [other, more] of [
      [at('/weather/seoul'), {}],
      [`${url}?a=1`, init],
      [url, { method: 'POST', body: 'two' }],
    ] as const) {
      const answer = await send(other, header, more);
      expect([answer.status, required(answer).error]).toEqual([
        402,
        'challenge_of_another_request',
      ]);
    }
    expect(upstream.heard).toEqual([]);
    expect(await on.tokenBalance(payer)).toBe(1_000_000n);
    expect((await sendUntil(url, header, init)).status).toBe(200);
    expect(upstream.heard[0]!.body).toBe('one');
    // Nor does it once it has paid.
    const swapped = await send(at('/weather/seoul'), header);
    expect([swapped.status, required(swapped).error]).toEqual([
      402,
      'challenge_of_another_request',
    ]);
  });

  it.each([
    ['no base64', '{}'],
    ['of a list', Buffer.from('[]').toString('base64')],
    ['of another protocol', Buffer.from('{"x402Version":2}').toString('base64')],
  ])('%s is none: 402 with a challenge', async (_, header) => {
    const answer = await send(at('/weather/seoul'), header);
    expect([answer.status, required(answer).error]).toEqual([402, 'invalid_payload']);
    expect(upstream.heard).toEqual([]);
  });

  it('without the money for it is told why, and forwards nothing', async () => {
    const url = at('/weather/jeju');
    const { header } = await signedFor(url, {}, 1n);
    const answer = await send(url, header);
    expect([answer.status, required(answer).error]).toEqual([
      402,
      'invalid_exact_evm_insufficient_balance',
    ]);
    expect(upstream.heard).toEqual([]);
  });
});

describe('a price that is paid by Permit2', () => {
  beforeAll(async () => {
    await plantPermit2(on);
    const put = await price({ path: '/permit', assetTransferMethod: 'permit2' });
    expect(put).toMatchObject({ status: 201, body: { assetTransferMethod: 'permit2' } });
  });

  it('is paid by an unmodified fetch, once for one header sent 20 times', async () => {
    const payer = await permittingPayer(on);
    const before = await on.tokenBalance(payer.address as Address);
    const { pay, header } = payingFetch(payer);
    const answer = await pay(at('/permit'));
    expect([answer.status, receiptOf(answer).success]).toEqual([200, true]);
    const again = await Promise.all(HUNDRED.slice(80).map(() => send(at('/permit'), header())));
    expect(new Set(again.map(({ status }) => status))).toEqual(new Set([200]));
    expect(upstream.times('/api/permit')).toBe(1);
    expect(before - (await on.tokenBalance(payer.address as Address))).toBe(BigInt(PRICE));
  });

  it('says with 412 that Permit2 has to be allowed first, and takes nothing else for it', async () => {
    const unallowed = await payingFetch(await fundedPayer(on.anvil, on.token)).pay(at('/permit'));
    expect(unallowed.status).toBe(412);
    expect(required(unallowed).error).toBe('permit2_allowance_required');
    const { header } = await signedFor(at('/permit'));
    const other = await send(at('/permit'), header);
    expect([other.status, required(other).error]).toEqual([402, 'unsupported_payload_type']);
    expect(upstream.heard).toEqual([]);
  });
});

meteredPrices(() => shop);

describe('an upstream that fails after the payment', () => {
  it('is a refund where the price says so', async () => {
    await price({ path: '/broken', onFailure: 'refund' });
    upstream.answer = (_heard, response) => response.writeHead(500).end('secret of the upstream');
    const { header, payer } = await signedFor(at('/broken'));
    const answer = await sendUntil(at('/broken'), header);
    expect(answer.status).toBe(502);
    expect(receiptOf(answer)).toMatchObject({ success: true });
    const told = await answer.text();
    expect(told).not.toContain('secret');
    expect(JSON.parse(told)).toMatchObject({ code: 'upstream_failed', onFailure: 'refund' });
    await until('the money back', async () => (await on.tokenBalance(payer)) === 1_000_000n);
    await quiet(on);
    const again = (await (await send(at('/broken'), header)).json()) as Record<string, unknown>;
    expect(again['refundId']).toMatch(/^[0-9a-f-]{36}$/);
    expect(upstream.times('/api/broken')).toBe(1);
  });

  it('is tried again by the same payment where the price says so', async () => {
    await price({ path: '/shaky', onFailure: 'retry' });
    upstream.answer = (_heard, response) => void response.destroy();
    const { header, payer } = await signedFor(at('/shaky'));
    expect((await sendUntil(at('/shaky'), header)).status).toBe(502);
    upstream.answer = honest;
    const answer = await send(at('/shaky'), header);
    expect([answer.status, await answer.json()]).toEqual([200, { heard: '/api/shaky', times: 2 }]);
    expect(await on.tokenBalance(payer)).toBe(1_000_000n - BigInt(PRICE));
  });

  it('fails too where it answers too much, too late, or redirects nowhere of ours', async () => {
    await price({ path: '/big', onFailure: 'keep', maxResponseBytes: 100 });
    await price({ path: '/slow', onFailure: 'keep', timeoutMs: 200 });
    await price({ path: '/moved', onFailure: 'keep' });
    upstream.answer = ({ url }, response) => {
      if (url === '/api/big') response.end('x'.repeat(101));
      if (url === '/api/moved') response.writeHead(302, { location: `${upstream.url}/x` }).end();
    };
    const big = await signedFor(at('/big'));
    expect((await sendUntil(at('/big'), big.header)).status).toBe(502);
    const slow = await signedFor(at('/slow'));
    expect((await sendUntil(at('/slow'), slow.header)).status).toBe(502);
    const moved = await signedFor(at('/moved'));
    const answer = await until('an answer', async () => {
      const headers = { 'payment-signature': moved.header };
      const one = await fetch(at('/moved'), { headers, redirect: 'manual' });
      return one.status !== 503 && one;
    });
    expect(answer.status).toBe(302);
    expect(upstream.times('/x')).toBe(0);
  });

  it('is never asked at an address that is closed', async () => {
    const { port } = new URL(upstream.url);
    const closed = { '/inner': `http://[::1]:${port}/`, '/cloud': 'http://169.254.169.254/latest' };
    for (const [path, url] of Object.entries(closed)) {
      expect((await price({ path, upstream: url })).body['code']).toBe('endpoint_refused');
      await price({ path, onFailure: 'keep' });
      // As if it had been open when it was put.
      await on.rows('UPDATE priced_endpoint SET upstream = $1 WHERE path = $2', [url, path]);
      const { header } = await signedFor(at(path));
      expect((await sendUntil(at(path), header)).status).toBe(502);
    }
    expect(upstream.heard).toEqual([]);
  });
});

describe('an answer that streams', () => {
  it('comes as it is said, and whole to whoever asks again', async () => {
    await price({ path: '/stream' });
    let finish = () => {};
    upstream.answer = (_heard, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: one\n\n');
      finish = () => response.end('data: two\n\n');
    };
    const { header } = await signedFor(at('/stream'));
    const answer = await sendUntil(at('/stream'), header);
    const reader = answer.body!.getReader();
    const first = await reader.read();
    expect(Buffer.from(first.value!).toString()).toBe('data: one\n\n');
    // The client goes away in the middle; the answer is kept all the same.
    await reader.cancel();
    finish();
    const again = await sendUntil(at('/stream'), header);
    expect(await again.text()).toBe('data: one\n\ndata: two\n\n');
    expect(upstream.times('/api/stream')).toBe(1);
  });
});

describe('a price', () => {
  it('takes the place of the one before it, and what was offered holds', async () => {
    const { header, payer } = await signedFor(at('/weather/ulsan'));
    const dearer = await price({ path: '/weather/*', price: '0.02' });
    expect(dearer).toMatchObject({ status: 201, body: { price: '0.02', onFailure: 'refund' } });
    expect(required(await fetch(at('/weather/ulsan'))).accepts[0]!['amount']).toBe('20000');
    expect((await sendUntil(at('/weather/ulsan'), header)).status).toBe(200);
    expect(await on.tokenBalance(payer)).toBe(1_000_000n - BigInt(PRICE));
    const { id } = dearer.body as { id: string };
    expect((await shop.manage('DELETE', `/v1/priced-endpoints/${id}`)).status).toBe(200);
    expect((await fetch(at('/weather/ulsan'))).status).toBe(404);
    expect((await send(at('/weather/ulsan'), header)).status).toBe(200);
    expect((await shop.manage('DELETE', `/v1/priced-endpoints/${id}`)).status).toBe(404);
  });

  it.each([
    [{ path: 'x' }, 'invalid_request'],
    [{ path: '/a/../b' }, 'invalid_request'],
    [{ path: '/*/b' }, 'invalid_request'],
    [{ method: 'CONNECT' }, 'invalid_request'],
    [{ price: '0' }, 'invalid_amount'],
    [{ price: 1 }, 'invalid_amount'],
    [{ payTo: '0x1' }, 'invalid_address'],
    [{ upstream: 'ftp://a/' }, 'invalid_request'],
    [{ upstream: 'http://user:pass@a/' }, 'invalid_request'],
    [{ upstream: 'http://a/?b' }, 'invalid_request'],
    [{ timeoutMs: 1 }, 'invalid_request'],
    [{ maxResponseBytes: 1e9 }, 'invalid_request'],
    [{ onFailure: 'pray' }, 'invalid_request'],
    [{ assetTransferMethod: 'cheque' }, 'invalid_request'],
    [{ more: 1 }, 'unknown_field'],
    [{ asset: 'ETH' }, 'endpoint_refused'],
    [{ payTo: `0x${'cafe'.repeat(10)}` }, 'endpoint_refused'],
    [{ price: '99999999999' }, 'endpoint_refused'],
    [{ merchant: 'nobody' }, 'not_found'],
  ])('%j is refused: %s', async (over, code) => {
    expect((await price(over)).body['code']).toBe(code);
  });

  it('is nobody’s where there is none', async () => {
    for (const path of ['demo.shop/none', 'demo/weather', 'x.y/weather/a']) {
      expect((await fetch(`${on.url}/gateway/${path}`)).status).toBe(404);
    }
  });
});

describe('the books', () => {
  it('agree with every law when all is quiet', async () => {
    await quiet(on);
    await expectLaws(on);
  });
});
