import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { Assets } from '../../base/config/index.ts';
import { inTransaction } from '../../base/db/index.ts';
import { authorizationDigest } from '../../base/effect/index.ts';
import { silentLog, systemClock, toHex } from '../../base/kernel/index.ts';
import { insertChallenge } from './call/challenge.ts';
import { openCall, readCall, setPaid, setServed, takeCall } from './call/rows.ts';
import { encode, readSignature, requestHash } from './call/wire.ts';
import { OURS, shopPrices, TOKEN } from './endpoint/shop.fixture.ts';
import { Forwarder } from './forward/forwarder.ts';
import { GatewayService } from './service.ts';

const shop = shopPrices();
const asks = { method: 'GET', path: '/weather', search: '', body: Buffer.alloc(0) };

function gatewayWith(assets: Assets) {
  const { app: db } = shop.at();
  const clock = systemClock;
  const nobody = async () => Promise.reject(new Error('nobody asks the facilitator'));
  return new GatewayService({
    ...{ db, assets, clock, facilitator: { verify: nobody, settle: nobody } },
    forwarder: new Forwarder({ db, log: silentLog, clock, opened: [], keepMs: 60_000 }),
    ...{ challenges: { take: () => null }, takerOf: () => null },
  });
}

const asked = (paid?: string) => ({
  ...{ ...asks, tenant: 'demo', merchant: 'shop', url: 'https://shop.example/weather' },
  headers: paid === undefined ? {} : { 'payment-signature': paid },
  ...{ idempotencyKey: null, address: '192.0.2.1', correlationId: 'c' },
});

/** What a payer sends who has paid for a challenge of this price, and was served. */
async function served(endpointId: string): Promise<string> {
  const { app: db, tenantId } = shop.at();
  const merchantId = shop.merchantId();
  const hash = requestHash({ merchantId, ...asks });
  const id = await insertChallenge(db, { endpointId, requestHash: hash, lifeMs: 60_000 });
  const [nonce, signature] = [toHex(randomBytes(32)), toHex(randomBytes(65))];
  const header = encode({
    accepted: { network: 'eip155:31337', asset: TOKEN, extra: { challengeId: id } },
    payload: { authorization: { from: OURS, nonce }, signature },
  });
  const signed = readSignature(header)!;
  const [{ paymentId }] = (await shop
    .at()
    .rows<{ paymentId: string }>('SELECT gen_random_uuid() AS "paymentId"')) as [
    { paymentId: string },
  ];
  const call = { id, tenantId, endpointId, paymentId, correlationId: 'c', charged: null };
  const request = { path: '/weather', search: '', headers: {}, body: Buffer.alloc(0) };
  const { signatureHash } = signed;
  const authorizationId = authorizationDigest(signed);
  const read = async () => (await readCall(db, { id }))!;
  await inTransaction(db, (sql) =>
    openCall(sql, { ...call, requestHash: hash, authorizationId, signatureHash, request }),
  );
  await setPaid(db, await read(), { success: true, payer: OURS });
  const paid = await read();
  await inTransaction(db, (sql) => takeCall(sql, paid, 1_000));
  const answer = { status: 200, headers: {}, body: Buffer.from('sunny') };
  await setServed(db, await read(), { answer, keptUntil: new Date(Date.now() + 60_000) });
  return header;
}

it('who has paid has the answer again also when the token is configured no more, and nobody is asked to pay', async () => {
  const { id } = await shop.put({}, 0);
  const paid = await served(id);
  for (const assets of [shop.assets(), new Assets([])]) {
    const again = await gatewayWith(assets).answer(asked(paid));
    expect(again).toMatchObject({ kind: 'answer', status: 200, body: Buffer.from('sunny') });
  }
  const gone = gatewayWith(new Assets([]));
  const strange = encode({ accepted: {}, payload: {} });
  for (const unpaid of [asked(), asked(strange)]) {
    expect(await gone.answer(unpaid)).toMatchObject({
      kind: 'problem',
      refusal: { code: 'not_found' },
    });
  }
});
