import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Address } from '../../../src/base/kernel/index.ts';
import type { Installation } from '../../support/installation.ts';
import { expectLaws, quiet } from '../../support/laws.ts';
import { until } from '../../support/until.ts';
import { ask, fundedPayer, merchantKey, PRICE } from '../../support/x402/payers.ts';
import { charging, permittingPayer, plantPermit2 } from '../../support/x402/permits.ts';
import { Priced, required, send, sendUntil } from '../../support/x402/priced.ts';
import { payingFetch, receiptOf } from '../../support/x402/shop.ts';
import type { Upstream } from '../../support/x402/upstream.ts';

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
}, 120_000);
afterAll(() => shop?.stop());
beforeEach(() => {
  upstream.heard = [];
  upstream.answer = honest;
});

const manage: Priced['manage'] = (...asked) => shop.manage(...asked);
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
  }, 60_000);
});

describe('one payment sent 100 times at once', () => {
  it('is forwarded once, charged once, and answered alike', async () => {
    const url = at('/weather/busan');
    const { header, payer } = await signedFor(url);
    const answers = await Promise.all(HUNDRED.map(() => sendUntil(url, header)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(upstream.times('/api/weather/busan')).toBe(1);
    expect(await on.tokenBalance(payer)).toBe(1_000_000n - BigInt(PRICE));
  }, 120_000);
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
  }, 60_000);

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
  }, 60_000);
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
  }, 60_000);

  it('says with 412 that Permit2 has to be allowed first, and takes nothing else for it', async () => {
    const unallowed = await payingFetch(await fundedPayer(on.anvil, on.token)).pay(at('/permit'));
    expect(unallowed.status).toBe(412);
    expect(required(unallowed).error).toBe('permit2_allowance_required');
    const { header } = await signedFor(at('/permit'));
    const other = await send(at('/permit'), header);
    expect([other.status, required(other).error]).toEqual([402, 'unsupported_payload_type']);
    expect(upstream.heard).toEqual([]);
  }, 60_000);
});

describe('a price that is the most, of which the answer tells how much', () => {
  /** Until the price says otherwise. */
  const FUNDS = 1_000_000_000n;
  const spent = async (payer: Address) => FUNDS - (await on.tokenBalance(payer));
  const metered = async (path: string, over: Record<string, unknown> = {}) => {
    expect((await price({ path, scheme: 'upto', ...over })).status).toBe(201);
    return at(path);
  };
  const statusOf = async ({ body }: { body: { paymentRequirements: Record<string, unknown> } }) => {
    const { challengeId } = body.paymentRequirements['extra'] as { challengeId: string };
    const [row] = await on.rows<{ call: string; payment: string; code: string | null }>(
      `SELECT c.status AS call, p.status AS payment, c.failure_code AS code
       FROM gateway_call c JOIN payment p USING (payment_id) WHERE call_id = $1`,
      [challengeId],
    );
    return row;
  };
  beforeAll(() => plantPermit2(on));

  it('is paid by an unmodified fetch: what was used, once, and told with the answer', async () => {
    const url = await metered('/tokens');
    upstream.charging({ 'payonce-charge': '4000', 'x-own': 'a' });
    const payer = await permittingPayer(on);
    const { pay, header } = payingFetch(payer);
    const answer = await pay(url);
    expect([answer.status, await answer.text()]).toEqual([200, 'what was paid for at /api/tokens']);
    expect(receiptOf(answer)).toMatchObject({ success: true, amount: '4000' });
    expect(answer.headers.get('idempotent-replayed')).toBeNull();
    expect([answer.headers.get('payonce-charge'), answer.headers.get('x-own')]).toEqual([
      null,
      'a',
    ]);
    const { address } = payer as unknown as { address: Address };
    expect(upstream.heard[0]!.headers).toMatchObject({
      'payonce-payer': address,
      'payonce-max-charge': PRICE,
    });
    expect(await spent(address)).toBe(4_000n);
    const again = await Promise.all(HUNDRED.slice(80).map(() => send(url, header())));
    for (const one of again) {
      expect([one.status, one.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
      expect(receiptOf(one).amount).toBe('4000');
    }
    expect([upstream.heard.length, await spent(address)]).toEqual([1, 4_000n]);
  }, 60_000);

  it('sent 50 times at once is forwarded once, charged once, and answered alike', async () => {
    const url = await metered('/once');
    upstream.charging({ 'payonce-charge': '7' });
    const { header, payer } = await shop.ceilingFor(url);
    const answers = await Promise.all(HUNDRED.slice(50).map(() => sendUntil(url, header)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map((answer) => receiptOf(answer).amount))).toEqual(new Set(['7']));
    expect([upstream.times('/api/once'), await spent(payer)]).toEqual([1, 7n]);
  }, 60_000);

  it('is charged by the unit that the API counts, also behind its answer', async () => {
    const usage = { usageHeader: 'X-Tokens', unitPrice: '0.00015', unitSize: 1_000 };
    const url = await metered('/counted', usage);
    upstream.answer = (_heard, response) => {
      response.writeHead(200, { trailer: 'x-tokens' });
      response.write('so ');
      response.addTrailers({ 'x-tokens': '20001' });
      response.end('many');
    };
    const { header, payer } = await shop.ceilingFor(url);
    const answer = await sendUntil(url, header);
    expect([await answer.text(), receiptOf(answer).amount]).toEqual(['so many', '3001']);
    expect(await spent(payer)).toBe(3_001n);
  }, 60_000);

  it.each([
    ['nothing where it tells nothing', {}, {}, '0', 'usage_missing'],
    ['the most where the price says so', { withoutUsage: 'most' }, {}, PRICE, 'usage_missing'],
    ['nothing for garbage', {}, { 'payonce-charge': '-1' }, '0', 'usage_malformed'],
    ['no more than was signed', {}, { 'payonce-charge': '10001' }, PRICE, 'usage_above_most'],
  ])(
    'costs %s, and its merchant is told',
    async (_, terms, headers, amount, usageFault) => {
      const url = await metered('/odd', terms);
      upstream.charging(headers);
      const ceiling = await shop.ceilingFor(url);
      const answer = await sendUntil(url, ceiling.header);
      const receipt = receiptOf(answer);
      expect([answer.status, receipt.success, receipt.amount]).toEqual([200, true, amount]);
      expect(receipt.transaction === '').toBe(amount === '0');
      expect(await spent(ceiling.payer)).toBe(BigInt(amount));
      if (amount === '0') expect((await statusOf(ceiling))?.payment).toBe('VOIDED');
      const [event] = await on.rows<{ data: unknown[] }>(
        `SELECT data FROM event_batch WHERE type = 'gateway_call' AND to_state = 'CHARGING' ORDER BY batch_id DESC LIMIT 1`,
      );
      expect(event!.data).toEqual([{ charge: amount, most: PRICE, usageFault }]);
    },
    60_000,
  );

  it('of an upstream that fails is charged nothing', async () => {
    const url = await metered('/failing');
    upstream.answer = (_heard, response) => {
      response.writeHead(500, { 'payonce-charge': '5' }).end('secret of the upstream');
    };
    const ceiling = await shop.ceilingFor(url);
    for (const _ of [1, 2]) {
      const answer = await sendUntil(url, ceiling.header);
      const told = (await answer.json()) as Record<string, unknown>;
      expect([answer.status, told['code'], told['onFailure']]).toEqual([
        ...[502, 'upstream_failed', 'release'],
      ]);
    }
    expect([upstream.times('/api/failing'), await spent(ceiling.payer)]).toEqual([1, 0n]);
    expect(await statusOf(ceiling)).toMatchObject({ call: 'FAILED', payment: 'AUTH_VERIFIED' });
  }, 60_000);

  it('is nobody’s to charge beside the gateway', async () => {
    const url = await metered('/beside');
    let finish = () => {};
    const reached = new Promise<void>((done) => {
      upstream.answer = (_heard, response) => {
        finish = () => response.writeHead(200, { 'payonce-charge': '3' }).end('late');
        done();
      };
    });
    const { header, payer, body } = await shop.ceilingFor(url);
    const sent = sendUntil(url, header);
    await reached;
    const key = await merchantKey(on, { payTo: [shop.payTo] });
    const elsewhere = { status: 409, body: { errorReason: 'credential_bound_elsewhere' } };
    expect(await ask(on.url, 'settle', charging(body, '9'), key)).toMatchObject(elsewhere);
    finish();
    expect(receiptOf(await sent)).toMatchObject({ amount: '3' });
    expect(await spent(payer)).toBe(3n);
  }, 60_000);

  it('is not forwarded where what was signed may run out before the answer is there', async () => {
    const url = await metered('/short', { timeoutMs: 60_000 });
    const { header } = await shop.ceilingFor(url, { seconds: 60 });
    const answer = await send(url, header);
    expect([answer.status, required(answer).error]).toEqual([402, 'permit2_deadline_expired']);
    expect(upstream.heard).toEqual([]);
  }, 60_000);

  it.each([
    [{ scheme: 'most' }, 'invalid_request'],
    [{ scheme: 'upto', assetTransferMethod: 'eip3009' }, 'invalid_request'],
    [{ scheme: 'upto', onFailure: 'refund' }, 'invalid_request'],
    [{ scheme: 'upto', usageHeader: 'a b' }, 'invalid_request'],
    [{ scheme: 'upto', usageHeader: 7 }, 'invalid_request'],
    [{ scheme: 'upto', unitPrice: '0' }, 'invalid_amount'],
    [{ scheme: 'upto', unitPrice: '0.0000001' }, 'invalid_amount'],
    [{ scheme: 'upto', unitSize: 0 }, 'invalid_request'],
    [{ scheme: 'upto', unitSize: 1.5 }, 'invalid_request'],
    [{ scheme: 'upto', withoutUsage: 'half' }, 'invalid_request'],
    [{ onFailure: 'release' }, 'invalid_request'],
    ...['usageHeader', 'unitPrice', 'unitSize', 'withoutUsage'].map(
      (name): [Record<string, unknown>, string] => [{ [name]: 'x' }, 'invalid_request'],
    ),
  ])('%j is refused: %s', async (over, code) => {
    expect((await price(over)).body['code']).toBe(code);
  });
});

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
    await until(
      'the money back',
      async () => (await on.tokenBalance(payer)) === 1_000_000n,
      60_000,
    );
    await quiet(on);
    const again = (await (await send(at('/broken'), header)).json()) as Record<string, unknown>;
    expect(again['refundId']).toMatch(/^[0-9a-f-]{36}$/);
    expect(upstream.times('/api/broken')).toBe(1);
  }, 120_000);

  it('is tried again by the same payment where the price says so', async () => {
    await price({ path: '/shaky', onFailure: 'retry' });
    upstream.answer = (_heard, response) => void response.destroy();
    const { header, payer } = await signedFor(at('/shaky'));
    expect((await sendUntil(at('/shaky'), header)).status).toBe(502);
    upstream.answer = honest;
    const answer = await send(at('/shaky'), header);
    expect([answer.status, await answer.json()]).toEqual([200, { heard: '/api/shaky', times: 2 }]);
    expect(await on.tokenBalance(payer)).toBe(1_000_000n - BigInt(PRICE));
  }, 60_000);

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
  }, 120_000);

  it('is never asked at an address that is closed', async () => {
    const { port } = new URL(upstream.url);
    await price({ path: '/inner', onFailure: 'keep', upstream: `http://[::1]:${port}/` });
    await price({ path: '/cloud', onFailure: 'keep', upstream: 'http://169.254.169.254/latest' });
    for (const path of ['/inner', '/cloud']) {
      const { header } = await signedFor(at(path));
      expect((await sendUntil(at(path), header)).status).toBe(502);
    }
    expect(upstream.heard).toEqual([]);
  }, 60_000);
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
  }, 60_000);
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
    expect((await manage('DELETE', `/v1/priced-endpoints/${id}`)).status).toBe(200);
    expect((await fetch(at('/weather/ulsan'))).status).toBe(404);
    expect((await send(at('/weather/ulsan'), header)).status).toBe(200);
    expect((await manage('DELETE', `/v1/priced-endpoints/${id}`)).status).toBe(404);
  }, 60_000);

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
    for (const path of [
      '/gateway/demo.shop/none',
      '/gateway/demo/weather',
      '/gateway/x.y/weather/a',
    ]) {
      expect((await fetch(`${on.url}${path}`)).status).toBe(404);
    }
  });
});

describe('the books', () => {
  it('agree with every law when all is quiet', async () => {
    await quiet(on);
    await expectLaws(on);
  }, 60_000);
});
