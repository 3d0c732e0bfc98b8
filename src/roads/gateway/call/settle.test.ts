import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { Assets, developmentSettings } from '../../../base/config/index.ts';
import { inTransaction } from '../../../base/db/index.ts';
import { isRefusal, silentLog, toHex } from '../../../base/kernel/index.ts';
import { type Merchant, putMerchant } from '../../../books/access/index.ts';
import { EndpointService } from '../endpoint/service.ts';
import { openCall, readCall } from './rows.ts';
import { type Payment, payCall } from './settle.ts';

const TOKEN = `0x${'77'.repeat(20)}` as const;
const OURS = `0x${'11'.repeat(20)}` as const;
const hash = () => toHex(randomBytes(32));

let at: MainDatabase;
let assets: Assets;
let merchant: Merchant;
let endpointId: string;
beforeAll(async () => {
  at = await MainDatabase.start();
  const settings = developmentSettings({
    ...{ databaseUrl: '', signerDatabaseUrl: null, rpcUrl: 'http://127.0.0.1/', token: TOKEN },
    lanes: [],
  });
  assets = new Assets(settings.assets);
  const asset = settings.assets.find(({ id }) => id === 'USDC')!.caip19;
  const { tenantId } = at;
  const allowed = {
    payTo: [OURS],
    assets: [{ asset, maxAmount: null }],
    offers: [],
    replays: false,
  };
  const put = await putMerchant(at.app, { tenantId, name: 'shop', ...allowed });
  if (isRefusal(put)) throw new Error(put.detail);
  merchant = { ...put, wallets: [], lanes: [] } as unknown as Merchant;
  const endpoints = new EndpointService({
    db: at.app,
    assets,
    log: silentLog,
    delayMs: 0,
    opened: [],
  });
  const by = { tenantId, merchantId: null, actor: 'a', correlationId: 'c' };
  const priced = await endpoints.put(by, {
    ...{ merchant: 'shop', method: 'GET', path: '/weather', asset: 'USDC', price: '0.50' },
    ...{ payTo: OURS, upstream: 'https://up.example/', onFailure: 'keep' },
  });
  if (isRefusal(priced)) throw new Error(priced.detail);
  endpointId = priced.id;
});
afterAll(() => at?.stop());

/** What becomes of a call that is being paid, and whether it is known, when the facilitator says this. */
async function told(status: number, body: Record<string, unknown>) {
  const id = randomUUID();
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
  const paid = { merchant, payment, url: 'https://shop.example/weather' };
  const known = await payCall({ db: at.app, assets, facilitator }, paid, call);
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
