import { beforeAll, describe, expect, it } from 'vitest';
import { PAY_TO, PRICE, type Signed, signedPayment } from '../../../../test/support/x402/payers.ts';
import type { Hex } from '../../../base/kernel/index.ts';
import type { Merchant } from '../../../books/access/index.ts';
import {
  asked,
  changedAt,
  judge,
  OTHER,
  type Path,
  payer,
  payload,
  seconds,
  TOKEN,
  TOO_MUCH,
} from './check.fixture.ts';

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const authorization = [...payload, 'authorization'] as const;

let good: Signed;
beforeAll(async () => {
  good = await signedPayment(payer, TOKEN, { validBefore: seconds(60) });
});

const withAt = (path: Path, value: unknown) => changedAt(good, path, value);

describe('a payment that is what was asked for', () => {
  it('passes, whatever the case of its addresses and hex', () => {
    expect(judge(good)).toBe('ok');
    const { from } = good.paymentPayload.payload.authorization as { from: Hex };
    expect(judge(withAt([...authorization, 'from'], from.toLowerCase()))).toBe('ok');
    const upper = `0x${from.slice(2).toUpperCase()}`;
    expect(judge(withAt([...authorization, 'from'], upper))).toBe('ok');
    expect(judge(withAt([...asked, 'asset'], TOKEN.toUpperCase().replace('X', 'x')))).toBe('ok');
  });

  it('is signed with v of 0 or 1 by some wallets', () => {
    const { signature } = good.paymentPayload.payload;
    const v = signature.endsWith('1b') ? '00' : '01';
    expect(judge(withAt([...payload, 'signature'], signature.slice(0, -2) + v))).toBe('ok');
  });

  it('is read in version 1, by the names of its networks', () => {
    const { accepted: _, ...rest } = good.paymentPayload;
    const { amount, network: __, ...requirements } = good.paymentRequirements;
    const first = {
      x402Version: 1,
      paymentPayload: { ...rest, x402Version: 1, scheme: 'exact', network: 'eip155:31337' },
      paymentRequirements: {
        ...requirements,
        network: 'eip155:31337',
        maxAmountRequired: amount,
        resource: 'https://shop.example/report',
      },
    };
    expect(judge(first)).toBe('ok');
    const named = structuredClone(first);
    named.paymentPayload.network = 'base-sepolia';
    expect(judge(named)).toBe('invalid_exact_evm_network_mismatch');
  });
});

describe('a payment with something wrong in one place', () => {
  it.each<[string, Path, unknown, string]>([
    ['no payload', ['paymentPayload'], undefined, 'invalid_payload'],
    ['no requirements', ['paymentRequirements'], undefined, 'invalid_payload'],
    ['a list for a payload', ['paymentPayload'], [], 'invalid_payload'],
    ['an empty payload', payload, {}, 'invalid_payload'],
    ['no authorization', authorization, null, 'invalid_payload'],
    ['version 3', ['paymentPayload', 'x402Version'], 3, 'invalid_x402_version'],
    ['version "2"', ['paymentPayload', 'x402Version'], '2', 'invalid_x402_version'],
    ['no accepted', ['paymentPayload', 'accepted'], undefined, 'invalid_payload'],
    ['another scheme', [...asked, 'scheme'], 'deferred', 'unsupported_scheme'],
    [
      'another scheme accepted',
      ['paymentPayload', 'accepted', 'scheme'],
      'Exact',
      'unsupported_scheme',
    ],
    ['another network', [...asked, 'network'], 'eip155:1', 'invalid_exact_evm_network_mismatch'],
    ['a network of nothing', [...asked, 'network'], 'solana:x', 'invalid_network'],
    ['a padded network', [...asked, 'network'], 'eip155:031337', 'invalid_network'],
    ['no extra', [...asked, 'extra'], undefined, 'invalid_exact_evm_missing_eip712_domain'],
    ['no name', [...asked, 'extra'], { version: '2' }, 'invalid_exact_evm_missing_eip712_domain'],
    [
      'another name',
      [...asked, 'extra'],
      { name: 'USDC', version: '2' },
      'invalid_exact_evm_token_name_mismatch',
    ],
    [
      'another version',
      [...asked, 'extra'],
      { name: 'USD Coin', version: '1' },
      'invalid_exact_evm_token_version_mismatch',
    ],
    [
      'another method',
      [...asked, 'extra'],
      { name: 'USD Coin', version: '2', assetTransferMethod: 'erc7710' },
      'unsupported_asset_transfer_method',
    ],
    [
      'a method that is no text',
      [...asked, 'extra'],
      { name: 'USD Coin', version: '2', assetTransferMethod: ['eip3009'] },
      'unsupported_asset_transfer_method',
    ],
    [
      'Permit2 asked for',
      [...asked, 'extra'],
      { name: 'USD Coin', version: '2', assetTransferMethod: 'permit2' },
      'unsupported_payload_type',
    ],
    ['both methods signed', [...payload, 'permit2Authorization'], {}, 'unsupported_payload_type'],
    ['another token', [...asked, 'asset'], OTHER, 'invalid_payment_requirements'],
    ['a token of 19 bytes', [...asked, 'asset'], TOKEN.slice(0, -2), 'invalid_payload'],
    ['another payee asked', [...asked, 'payTo'], OTHER, 'invalid_payment_requirements'],
    [
      'another payee signed',
      [...authorization, 'to'],
      OTHER,
      'invalid_exact_evm_recipient_mismatch',
    ],
    [
      'one unit less asked',
      [...asked, 'amount'],
      '9999',
      'invalid_exact_evm_payload_authorization_value_mismatch',
    ],
    [
      'one unit more asked',
      [...asked, 'amount'],
      '10001',
      'invalid_exact_evm_payload_authorization_value_mismatch',
    ],
    ['more than the merchant may', [...asked, 'amount'], '50001', 'invalid_payment_requirements'],
    ['nothing asked', [...asked, 'amount'], '0', 'invalid_payment_requirements'],
    ['a number for an amount', [...asked, 'amount'], 10_000, 'invalid_payload'],
    ['a leading zero', [...authorization, 'value'], '010000', 'invalid_payload'],
    ['hex for a value', [...authorization, 'value'], '0x2710', 'invalid_payload'],
    ['a value of 2^256', [...authorization, 'value'], TOO_MUCH.toString(), 'invalid_payload'],
    ['a negative time', [...authorization, 'validAfter'], '-1', 'invalid_payload'],
    [
      'a payer of other case',
      [...authorization, 'from'],
      '0xF39fd6e51aad88F6F4ce6aB8827279cffFb92266',
      'invalid_payload',
    ],
    ['another payer', [...authorization, 'from'], OTHER, 'only its wallet can say'],
    [
      'the zero payer',
      [...authorization, 'from'],
      `0x${'00'.repeat(20)}`,
      'invalid_exact_evm_signature',
    ],
    ['a nonce of 31 bytes', [...authorization, 'nonce'], `0x${'ab'.repeat(31)}`, 'invalid_payload'],
    [
      'another nonce',
      [...authorization, 'nonce'],
      `0x${'ab'.repeat(32)}`,
      'only its wallet can say',
    ],
    ['no signature', [...payload, 'signature'], undefined, 'invalid_payload'],
    ['an empty signature', [...payload, 'signature'], '0x', 'invalid_payload'],
    ['base64 for a signature', [...payload, 'signature'], 'c2lnbmF0dXJl', 'invalid_payload'],
    ['half a byte', [...payload, 'signature'], '0xabc', 'invalid_payload'],
    ['4 KB of signature', [...payload, 'signature'], `0x${'ab'.repeat(4096)}`, 'invalid_payload'],
    [
      'a short identifier',
      ['paymentPayload', 'extensions'],
      { 'payment-identifier': { info: { id: 'short' } } },
      'invalid_payload',
    ],
    [
      'a required identifier',
      ['paymentPayload', 'extensions'],
      { 'payment-identifier': { info: { required: true } } },
      'invalid_payload',
    ],
    [
      'a long resource',
      ['paymentPayload', 'resource'],
      { url: `https://a/${'x'.repeat(4096)}` },
      'invalid_payload',
    ],
  ])('%s', (_, path, value, reason) => {
    expect(judge(withAt(path, value))).toBe(reason);
  });

  it.each([null, 7, 'text', [], {}])('%j instead of a body', (body) => {
    expect(judge(body)).toBe('invalid_payload');
  });

  it('a signature with s in the upper half, or of 64 bytes', () => {
    const { signature } = good.paymentPayload.payload;
    const s = ORDER - BigInt(`0x${signature.slice(66, 130)}`);
    const v = signature.endsWith('1b') ? '1c' : '1b';
    const high = `${signature.slice(0, 66)}${s.toString(16).padStart(64, '0')}${v}`;
    expect(judge(withAt([...payload, 'signature'], high))).toBe('only its wallet can say');
    const compact = signature.slice(0, -2);
    expect(judge(withAt([...payload, 'signature'], compact))).toBe('invalid_exact_evm_signature');
  });
});

describe('a payee that is a wallet of the installation', () => {
  const wallet = (chainId: number, laneId: number | null) => [{ chainId, address: PAY_TO, laneId }];
  it.each<[string, Merchant['wallets'], string]>([
    ['of the merchant’s tenant', wallet(31_337, 7), 'ok'],
    [
      'of another tenant, or not in the books',
      wallet(31_337, null),
      'invalid_payment_requirements',
    ],
    ['on another chain', wallet(1, null), 'ok'],
  ])('%s', (_, wallets, verdict) => {
    expect(judge(good, wallets)).toBe(verdict);
  });
});

describe('the times of a payment', () => {
  const late = 'invalid_exact_evm_payload_authorization_valid_before';
  const early = 'invalid_exact_evm_payload_authorization_valid_after';
  it.each<[string, { validAfter?: string; validBefore?: string }, string]>([
    ['6 seconds left', { validBefore: seconds(6) }, 'ok'],
    ['5 seconds left', { validBefore: seconds(5) }, late],
    ['over', { validBefore: seconds(-1) }, late],
    ['begins now', { validAfter: seconds(0), validBefore: seconds(60) }, 'ok'],
    ['begins in a second', { validAfter: seconds(1), validBefore: seconds(60) }, early],
    ['for ever', { validBefore: (2n ** 256n - 1n).toString() }, 'ok'],
  ])('%s', async (_, times, reason) => {
    expect(judge(await signedPayment(payer, TOKEN, { amount: PRICE, ...times }))).toBe(reason);
  });
});
