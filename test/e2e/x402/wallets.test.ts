import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Hex } from '../../../src/base/kernel/index.ts';
import { Installation } from '../../support/installation.ts';
import { expectLaws, quiet } from '../../support/laws.ts';
import {
  ask,
  fundedPayer,
  merchantKey,
  PAY_TO,
  PRICE,
  settledInTheEnd,
  signedPayment,
} from '../../support/x402/payers.ts';
import { payingFetch, receiptOf, Shop } from '../../support/x402/shop.ts';
import { WalletPayer, withTail } from '../../support/x402/wallets.ts';

let on: Installation;
let key: string;
beforeAll(async () => {
  on = await Installation.start({ lanes: 1 });
  key = await merchantKey(on);
});
afterAll(() => on?.stop());

const settle = (body: unknown) => ask(on.url, 'settle', body, key);
const verify = (body: unknown) => ask(on.url, 'verify', body, key);
const refused = (reason: string) => ({
  status: 200,
  body: { isValid: false, invalidReason: reason },
});
const untilTold = (body: unknown) => settledInTheEnd(on.url, body, key);
type Receipt = { status: Hex; gasUsed: Hex };
const receiptAt = (hash: unknown) => on.anvil.rpc<Receipt>('eth_getTransactionReceipt', hash);

describe('a payer that is a contract', () => {
  it('pays by bytes that its code takes for its signature, unmodified packages around it', async () => {
    const wallet = await WalletPayer.open(on);
    const shop = await Shop.open(on.url, on.token, key);
    const before = await on.tokenBalance(PAY_TO);
    const answer = await payingFetch(wallet.payer()).pay(shop.url);
    await shop.close();
    expect([answer.status, receiptOf(answer).success]).toEqual([200, true]);
    expect((await on.tokenBalance(PAY_TO)) - before).toBe(BigInt(PRICE));
    const { input } = await on.anvil.rpc<{ input: Hex }>(
      'eth_getTransactionByHash',
      receiptOf(answer).transaction,
    );
    expect(input.slice(0, 10)).toBe('0xcf092995');
  });

  it('pays by 65 bytes as well, once, however often it is asked', async () => {
    const wallet = await WalletPayer.open(on);
    const before = await on.tokenBalance(PAY_TO);
    const body = await signedPayment(
      wallet.payer((signature) => signature),
      on.token,
    );
    const told = await Promise.all(Array.from({ length: 20 }, () => settle(body)));
    expect(told.filter((answer) => answer.body['success'] === true)).toHaveLength(1);
    expect((await on.tokenBalance(PAY_TO)) - before).toBe(BigInt(PRICE));
  });

  it.each(['says no', 'reverts', 'burns gas', 'answers garbage'] as const)(
    'that %s is refused, and nothing is written down',
    async (mode) => {
      const wallet = await WalletPayer.open(on, mode);
      const body = await signedPayment(wallet.payer(), on.token);
      expect(await verify(body)).toMatchObject(refused('invalid_exact_evm_signature'));
      const answer = await settle(body);
      expect(answer).toMatchObject({
        status: 200,
        body: { success: false, errorReason: 'invalid_exact_evm_signature', transaction: '' },
      });
      const { nonce } = body.paymentPayload.payload.authorization;
      const rows = await on.rows(
        `SELECT FROM payment WHERE nonce = decode(substr($1, 3), 'hex') AND status = 'RESERVED'`,
        [nonce],
      );
      expect(rows).toEqual([]);
    },
  );

  it('is refused for a signature of its owner in another form', async () => {
    const wallet = await WalletPayer.open(on);
    const form = { compact: (signature: Hex): Hex => signature.slice(0, -2) as Hex, high };
    for (const [name, written] of Object.entries(form)) {
      const body = await signedPayment(wallet.payer(written), on.token);
      expect(await verify(body), name).toMatchObject(refused('invalid_exact_evm_signature'));
    }
  });

  it('that changes its mind in the block costs the gas of one transaction, and is told as failed with its hash', async () => {
    const wallet = await WalletPayer.open(on, 'changes its mind');
    const before = await on.tokenBalance(PAY_TO);
    const body = await signedPayment(wallet.payer(), on.token);
    const told = await untilTold(body);
    expect(told.body).toMatchObject({
      success: false,
      errorReason: 'invalid_exact_evm_transaction_failed',
    });
    const { status, gasUsed } = await receiptAt(told.body['transaction']);
    expect(status).toBe('0x0');
    expect(Number(gasUsed)).toBeLessThan(200_000);
    expect(await on.tokenBalance(PAY_TO)).toBe(before);
    expect((await settle(body)).body).toMatchObject({ transaction: told.body['transaction'] });
  });
});

describe('a payer with a key and without code', () => {
  it.each<[string, (signature: Hex) => Hex]>([
    ['64 bytes', (signature) => signature.slice(0, -2) as Hex],
    ['s in the upper half', high],
    ['a byte more', withTail],
  ])('is refused for a signature of %s', async (_, form) => {
    const payer = await fundedPayer(on.anvil, on.token);
    const body = await signedPayment(payer, on.token);
    const { payload } = body.paymentPayload;
    payload.signature = form(payload.signature);
    expect(await verify(body)).toMatchObject(refused('invalid_exact_evm_signature'));
  });
});

describe('a payer with a key and delegated code', () => {
  /** As EIP-7702 leaves an account: its code points to a wallet's, which works on the account's own storage. */
  const delegated = async (mode: number) => {
    const payer = await fundedPayer(on.anvil, on.token);
    const { address } = await WalletPayer.open(on);
    await on.anvil.rpc('anvil_setCode', payer.address, `0xef0100${address.slice(2)}`);
    const packed = `${payer.address.slice(2).toLowerCase()}${mode.toString(16).padStart(2, '0')}`;
    const slot = `0x${'0'.repeat(64)}`;
    await on.anvil.rpc('anvil_setStorageAt', payer.address, slot, `0x${packed.padStart(64, '0')}`);
    return payer;
  };

  it('pays when its code takes its key’s signature', async () => {
    const body = await signedPayment(await delegated(0), on.token);
    expect((await untilTold(body)).body).toMatchObject({ success: true });
  });

  it('is refused when its code does not, as the token would refuse it', async () => {
    const body = await signedPayment(await delegated(1), on.token);
    expect(await verify(body)).toMatchObject(
      refused('invalid_exact_evm_transaction_simulation_failed'),
    );
  });
});

describe('the books', () => {
  it('agree with every law when all is quiet', async () => {
    await quiet(on);
    await expectLaws(on);
  });
});

/** The other form of the same signature, which every recovery takes for the same key's. */
function high(signature: Hex): Hex {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const s = order - BigInt(`0x${signature.slice(66, 130)}`);
  const v = signature.slice(130, 132) === '1b' ? '1c' : '1b';
  return `${signature.slice(0, 66)}${s.toString(16).padStart(64, '0')}${v}${signature.slice(132)}` as Hex;
}
