import { encodeFunctionData, erc20Abi } from 'viem';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Address } from '../../../src/base/kernel/index.ts';
import type { Installation } from '../../support/installation.ts';
import { ask, merchantKey, PRICE } from '../../support/x402/payers.ts';
import { charging, permittingPayer, plantPermit2, sendAs } from '../../support/x402/permits.ts';
import { type Priced, required, send, sendUntil } from '../../support/x402/priced.ts';
import { payingFetch, receiptOf } from '../../support/x402/shop.ts';
import type { Upstream } from '../../support/x402/upstream.ts';

/** What holds of prices that are the most, at an installation that stands already. */
export function meteredPrices(openShop: () => Priced): void {
  describe('a price that is the most, of which the answer tells how much', () => {
    let shop: Priced;
    let on: Installation;
    let upstream: Upstream;
    beforeAll(async () => {
      shop = openShop();
      ({ on, upstream } = shop);
      await plantPermit2(on);
    });
    /** Until the price says otherwise. */
    const FUNDS = 1_000_000_000n;
    const spent = async (payer: Address) => FUNDS - (await on.tokenBalance(payer));
    const metered = async (path: string, over: Record<string, unknown> = {}) => {
      expect((await shop.price({ path, scheme: 'upto', ...over })).status).toBe(201);
      return shop.at(path);
    };
    const statusOf = async ({
      body,
    }: {
      body: { paymentRequirements: Record<string, unknown> };
    }) => {
      const { challengeId } = body.paymentRequirements['extra'] as { challengeId: string };
      const [row] = await on.rows<{ call: string; payment: string; code: string | null }>(
        `SELECT c.status AS call, p.status AS payment, c.failure_code AS code
       FROM gateway_call c JOIN payment p USING (payment_id) WHERE call_id = $1`,
        [challengeId],
      );
      return row;
    };
    it('is paid by an unmodified fetch: what was used, once, and told with the answer', async () => {
      const url = await metered('/tokens');
      upstream.charging({ 'payonce-charge': '4000', 'x-own': 'a' });
      const payer = await permittingPayer(on);
      const { pay, header } = payingFetch(payer);
      const answer = await pay(url);
      expect([answer.status, await answer.text()]).toEqual([
        200,
        'what was paid for at /api/tokens',
      ]);
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
      const again = await Promise.all(Array.from({ length: 20 }).map(() => send(url, header())));
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
      const answers = await Promise.all(
        Array.from({ length: 50 }).map(() => sendUntil(url, header)),
      );
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

    it('is not told the answer where its payer has taken the money away meanwhile', async () => {
      const url = await metered('/gone', { timeoutMs: 120_000 });
      const { header, payer, body } = await shop.ceilingFor(url);
      upstream.answer = (_heard, response) => {
        const args = [shop.payTo, FUNDS] as const;
        const data = encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args });
        sendAs(on, payer, { to: on.token, data }).then(
          () => response.writeHead(200, { 'payonce-charge': '3' }).end('not paid for'),
          () => response.destroy(),
        );
      };
      const answer = await sendUntil(url, header);
      expect([answer.status, required(answer).error]).toEqual([402, 'permit2_simulation_failed']);
      expect(await answer.text()).not.toContain('not paid for');
      expect(await statusOf({ body })).toEqual({
        ...{ call: 'UNPAID', payment: 'CHAIN_FAILED', code: 'permit2_simulation_failed' },
      });
      expect(
        await on.rows('SELECT FROM gateway_call WHERE status = $1 AND answer_body IS NOT NULL', [
          'UNPAID',
        ]),
      ).toEqual([]);
    }, 60_000);

    it('is nobody’s to charge beside the gateway', async () => {
      const url = await metered('/beside', { timeoutMs: 120_000 });
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
      expect((await shop.price(over)).body['code']).toBe(code);
    });
  });
}
