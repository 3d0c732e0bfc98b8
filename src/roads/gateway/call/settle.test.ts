import { randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { inTransaction } from '../../../base/db/index.ts';
import { toHex } from '../../../base/kernel/index.ts';
import { OURS, shopPrices, TOKEN } from '../endpoint/shop.fixture.ts';
import { openCall, readCall } from './rows.ts';
import { type Payment, payCall } from './settle.ts';

const shop = shopPrices();
const hash = () => toHex(randomBytes(32));

/** What becomes of a call that is being paid, and whether it is known, when the facilitator says this. */
async function told(status: number, body: Record<string, unknown>) {
  const id = randomUUID();
  const at = shop.at();
  const { id: endpointId } = await shop.put({}, 0);
  await inTransaction(at.app, (sql) =>
    openCall(sql, {
      ...{ id, tenantId: at.tenantId, endpointId, paymentId: randomUUID(), correlationId: 'c' },
      ...{ requestHash: hash(), authorizationId: hash(), signatureHash: hash(), charged: null },
      request: { path: '/weather', search: '', headers: {}, body: Buffer.alloc(0) },
    }),
  );
  const call = (await readCall(at.app, { id }))!;
  const payment: Payment = {
    ...{ payload: {}, challengeId: id, chainId: 31_337, token: TOKEN, method: 'eip3009' },
    ...{ payer: OURS, nonce: hash(), deadline: null, identifier: undefined, named: {} },
    signatureHash: hash(),
  };
  const facilitator = { settle: async () => ({ status, body }) };
  const paid = { merchant: shop.merchant(), payment, url: 'https://shop.example/weather' };
  const known = await payCall({ db: at.app, assets: shop.assets(), facilitator }, paid, call);
  return { known, status: (await readCall(at.app, { id }))!.status };
}

const no = (errorReason: string, more: object = {}) => ({ success: false, errorReason, ...more });
const ended = { extra: { paymentId: randomUUID(), state: 'AUTH_REJECTED' } };

it.each([
  ['of a payment that has ended', 200, no('policy_denied', ended), true, 'UNPAID'],
  // Another process, by whose clock its time is not over, may be reserving it.
  [
    'of a payment that has not',
    200,
    no('invalid_exact_evm_payload_authorization_valid_before'),
    false,
    'PAYING',
  ],
  ['of what its payer has not at this moment', 200, no('insufficient_funds'), false, 'PAYING'],
  ['that is none', 200, no('settlement_pending', ended), false, 'PAYING'],
  ['of a node that can not be asked', 503, no('unexpected_settle_error'), false, 'PAYING'],
])('a no %s leaves a call as its payment is', async (_, status, body, known, state) => {
  expect(await told(status, body)).toEqual({ known, status: state });
});
