import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Address, Hex } from '../../../src/base/kernel/index.ts';
import { Installation } from '../../support/installation.ts';
import { expectLaws, quiet } from '../../support/laws.ts';
import { until } from '../../support/until.ts';
import {
  ask,
  fundedPayer,
  impatient,
  merchantKey,
  PAY_TO,
  PRICE,
  settledInTheEnd,
  signedPayment,
} from '../../support/x402/payers.ts';
import {
  cancelAuthorization,
  cancelNonce,
  charging,
  PERMIT2,
  PROXY,
  permittingPayer,
  plantPermit2,
  type SignedPermit,
  sendAs,
  settleCallOf,
  signedPermit,
  signedUpto,
  UPTO_PROXY,
} from '../../support/x402/permits.ts';
import { payingFetch, receiptOf, Shop } from '../../support/x402/shop.ts';
import { WalletPayer } from '../../support/x402/wallets.ts';

let on: Installation;
let key: string;
beforeAll(async () => {
  on = await Installation.start({ lanes: 2, settings: impatient(4_000) });
  key = await merchantKey(on);
});
afterAll(() => on?.stop());

const settle = (body: unknown) => ask(on.url, 'settle', body, key);
const verify = (body: unknown) => ask(on.url, 'verify', body, key);
const reasonOf = async (body: unknown) => (await verify(body)).body['invalidReason'];
const untilTold = (body: unknown) => settledInTheEnd(on.url, body, key);
const paidOut = () => on.tokenBalance(PAY_TO);
const nonceOf = (body: SignedPermit) =>
  BigInt(body.paymentPayload.payload.permit2Authorization.nonce);

describe('a chain without the contracts', () => {
  it('is told, and nothing is sent where a call would succeed and pay nothing', async () => {
    const body = await signedPermit(await permittingPayer(on), on.token);
    expect(await reasonOf(body)).toBe('permit2_proxy_not_deployed');
    expect((await settle(body)).body).toMatchObject({ success: false, transaction: '' });
    await plantPermit2(on);
    expect(await reasonOf(body)).toBeUndefined();
  });
});

describe('unmodified express and fetch', () => {
  it('pay end to end by Permit2', async () => {
    const payer = await permittingPayer(on);
    const extra = { assetTransferMethod: 'permit2' };
    const shop = await Shop.open(on.url, on.token, key, { extra });
    const before = await paidOut();
    const answer = await payingFetch(payer).pay(shop.url);
    await shop.close();
    expect([answer.status, receiptOf(answer).success]).toEqual([200, true]);
    expect((await paidOut()) - before).toBe(BigInt(PRICE));
    const { to } = await on.anvil.rpc<{ to: Hex }>(
      'eth_getTransactionByHash',
      receiptOf(answer).transaction,
    );
    expect(to).toBe(PROXY.toLowerCase());
  });

  it('are told with 412 that the payer has to allow Permit2 its tokens first', async () => {
    const payer = await fundedPayer(on.anvil, on.token);
    const extra = { assetTransferMethod: 'permit2' };
    const shop = await Shop.open(on.url, on.token, key, { extra });
    const answer = await payingFetch(payer).pay(shop.url);
    await shop.close();
    expect(answer.status).toBe(412);
    expect(shop.served).toBe(0);
  });
});

describe('one permit', () => {
  it('settled 100 times at once is one attempt, one payment and one success', async () => {
    const body = await signedPermit(await permittingPayer(on), on.token);
    const before = await paidOut();
    const told = await Promise.all(Array.from({ length: 100 }, () => settle(body)));
    told.push(await untilTold(body));
    expect(told.filter((answer) => answer.body['success'] === true)).toHaveLength(1);
    // Who was told before anything was signed has no hash.
    const hashes = new Set(told.map((answer) => answer.body['transaction']));
    hashes.delete('');
    expect(hashes.size).toBe(1);
    expect((await paidOut()) - before).toBe(BigInt(PRICE));
    expect(await on.rows('SELECT FROM inclusion WHERE NOT succeeded')).toEqual([]);
  });

  it('is another merchant’s for ever: 409, and not whose', async () => {
    const other = await merchantKey(on, { name: 'other' });
    const body = await signedPermit(await permittingPayer(on), on.token);
    expect((await untilTold(body)).body).toMatchObject({ success: true });
    expect(await ask(on.url, 'settle', body, other)).toMatchObject({
      status: 409,
      body: { errorReason: 'credential_bound_elsewhere', transaction: '' },
    });
  });

  it('is paid by a wallet with code that takes its bytes for a signature', async () => {
    const wallet = await WalletPayer.open(on);
    await wallet.approve(PERMIT2);
    const body = await signedPermit(wallet.payer(), on.token);
    expect((await untilTold(body)).body).toMatchObject({ success: true });
    await wallet.become('says no');
    const again = await signedPermit(wallet.payer(), on.token);
    expect(await reasonOf(again)).toBe('invalid_permit2_signature');
  });

  it('that somebody else landed is recognised, and settled with that hash', async () => {
    const body = await signedPermit(await permittingPayer(on), on.token);
    const before = await paidOut();
    let theirs = '';
    await overtaken([body], async () => {
      theirs = await sendAs(on, await stranger(), settleCallOf(body));
    });
    const told = await untilTold(body);
    expect(told.body).toMatchObject({ success: true, transaction: theirs });
    expect((await paidOut()) - before).toBe(BigInt(PRICE));
  });

  it('is refused for one unit, one second, one member that is not as asked', async () => {
    const payer = await permittingPayer(on);
    const permitted = (amount: string) => ({ permitted: { token: on.token, amount } });
    const past = String(Math.floor(Date.now() / 1000) - 1);
    for (const [over, reason] of [
      [permitted('9999'), 'permit2_amount_mismatch'],
      [permitted('10001'), 'permit2_amount_mismatch'],
      [{ deadline: past }, 'permit2_deadline_expired'],
      [{ spender: on.token }, 'invalid_permit2_spender'],
    ] as const) {
      expect(await reasonOf(await signedPermit(payer, on.token, over))).toBe(reason);
    }
    const used = await signedPermit(payer, on.token);
    await sendAs(on, await stranger(), settleCallOf(used));
    expect(await reasonOf(used)).toBe('permit2_invalid_nonce');
    const poor = await fundedPayer(on.anvil, on.token, 1n);
    expect(await reasonOf(await signedPermit(poor, on.token))).toBe('permit2_insufficient_balance');
    const forged = await signedPermit(payer, on.token);
    forged.paymentPayload.payload.permit2Authorization.nonce = '7';
    expect(await reasonOf(forged)).toBe('invalid_permit2_signature');
  });
});

describe('a payment of which its payer signed the most', () => {
  const lanes = () => on.settings.lanes.map(({ address }) => address);
  const upto = async (lane = lanes()[0]!) => signedUpto(await permittingPayer(on), on.token, lane);
  const sentBy = (hash: unknown) =>
    on.anvil.rpc<{ from: Address; to: Address }>('eth_getTransactionByHash', hash);

  it('is charged less, by unmodified express and fetch', async () => {
    const payer = await permittingPayer(on);
    const shop = await Shop.open(on.url, on.token, key, { extra: {}, charge: '4000' });
    const before = await paidOut();
    const answer = await payingFetch(payer).pay(shop.url);
    await shop.close();
    const { success, amount, transaction } = receiptOf(answer);
    expect([answer.status, success, amount, shop.served]).toEqual([200, true, '4000', 1]);
    expect((await paidOut()) - before).toBe(4_000n);
    expect((await sentBy(transaction)).to).toBe(UPTO_PROXY.toLowerCase());
  });

  it('is taken by the wallet that it was signed for, whichever that is', async () => {
    for (const lane of lanes()) {
      const told = await untilTold(charging(await upto(lane), '1'));
      expect(told.body).toMatchObject({ success: true, amount: '1' });
      expect((await sentBy(told.body['transaction'])).from).toBe(lane);
    }
    expect(await reasonOf(await upto(await stranger()))).toBe('upto_facilitator_mismatch');
  });

  it('settled 100 times at once, each for another amount, is charged one of them once', async () => {
    const body = await upto();
    expect((await verify(body)).body).toMatchObject({ isValid: true });
    const before = await paidOut();
    const told = await Promise.all(
      Array.from({ length: 100 }, (_, index) => settle(charging(body, `${index + 1}`))),
    );
    told.push(await untilTold(body));
    const paid = told.filter((answer) => answer.body['success'] === true);
    expect(paid).toHaveLength(1);
    const { amount, extra } = paid[0]!.body;
    expect((await paidOut()) - before).toBe(BigInt(amount as string));
    const { paymentId } = extra as { paymentId: string };
    const sent = 'SELECT FROM attempt JOIN tx USING (tx_id) WHERE owner_id = $1';
    expect(await on.rows(sent, [paymentId])).toHaveLength(1);
  });

  it('that is charged nothing succeeds without a transaction, and is over', async () => {
    const body = await upto();
    const free = charging(body, '0');
    const { body: told } = await settle(free);
    expect(told).toMatchObject({ success: true, transaction: '', amount: '0' });
    const over = { success: false, errorReason: 'duplicate_settlement', transaction: '' };
    for (const again of [free, body]) expect((await settle(again)).body).toMatchObject(over);
    expect(await reasonOf(body)).toBe('duplicate_settlement');
    const { paymentId } = told['extra'] as { paymentId: string };
    expect(await on.rows('SELECT FROM tx WHERE owner_id = $1', [paymentId])).toEqual([]);
  });

  it('is charged no more than that, and a refusal leaves it as it was', async () => {
    const body = await upto();
    expect((await settle(charging(body, '10001'))).body).toMatchObject({
      success: false,
      errorReason: 'invalid_upto_evm_payload_settlement_exceeds_amount',
    });
    expect((await untilTold(body)).body).toMatchObject({ success: true, amount: PRICE });
  });

  it('is no payment of another kind or size that was signed for the same nonce', async () => {
    const payer = await permittingPayer(on);
    const [lane] = lanes();
    const first = await signedUpto(payer, on.token, lane!);
    const { nonce } = first.paymentPayload.payload.permit2Authorization;
    const permitted = { token: on.token, amount: '20000' };
    const larger = await signedUpto(payer, on.token, lane!, { nonce, permitted });
    const elsewhere = { status: 409, body: { errorReason: 'credential_bound_elsewhere' } };
    expect((await verify(first)).body).toMatchObject({ isValid: true });
    expect(await settle(await signedPermit(payer, on.token, { nonce }))).toMatchObject(elsewhere);
    expect(await settle(charging(larger, '20000'))).toMatchObject(elsewhere);
    expect((await untilTold(charging(first, '7'))).body).toMatchObject({
      success: true,
      amount: '7',
    });
  });
});

describe('the books', () => {
  it('agree with every law when all is quiet', async () => {
    await quiet(on);
    await expectLaws(on);
  });
});

/** Last: the chain's clock is not the machine's any more. */
describe('what its payer cancelled while it was under way', () => {
  it('fails, by either method, when no block can hold it any more', async () => {
    const payer = await permittingPayer(on);
    const permit = await signedPermit(payer, on.token);
    const transfer = await signedPayment(payer, on.token);
    const before = await paidOut();
    await overtaken([permit, transfer], async () => {
      await cancelNonce(on, payer, nonceOf(permit));
      await cancelAuthorization(on, payer, transfer);
    });
    for (const body of [permit, transfer]) {
      expect((await settle(body)).body).not.toHaveProperty('success', true);
    }
    await on.anvil.rpc('evm_increaseTime', 400);
    for (const [body, reason] of [
      [permit, 'permit2_invalid_nonce'],
      [transfer, 'invalid_exact_evm_nonce_already_used'],
    ] as const) {
      const told = await untilTold(body);
      expect(told.body).toMatchObject({ success: false, errorReason: reason });
    }
    expect(await paidOut()).toBe(before);
    await quiet(on);
    await expectLaws(on);
  });
});

/** `work` comes to the chain before what is signed for these, which the node has lost by then. */
async function overtaken(bodies: readonly unknown[], work: () => Promise<void>): Promise<void> {
  await on.anvil.hold();
  const hashes = await Promise.all(
    bodies.map((body) =>
      until('the hash', async () => {
        const { transaction } = (await settle(body)).body;
        return transaction !== '' && transaction;
      }),
    ),
  );
  await on.stopRole('worker');
  for (const hash of hashes) await on.anvil.rpc('anvil_dropTransaction', hash);
  await work();
  await on.startWorker();
  on.anvil.resume();
}

async function stranger(): Promise<Address> {
  const [, , , from] = await on.anvil.rpc<Address[]>('eth_accounts');
  return from!;
}
