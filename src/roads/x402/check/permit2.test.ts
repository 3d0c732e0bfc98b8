import { encodePacked, keccak256 } from 'viem';
import { beforeAll, describe, expect, it } from 'vitest';
import { DOMAIN, NETWORK, PAY_TO, PRICE } from '../../../../test/support/x402/payers.ts';
import {
  PERMIT2,
  PROXY,
  type SignedPermit,
  signedPermit,
} from '../../../../test/support/x402/permits.ts';
import { authorizationDigest } from '../../../base/effect/index.ts';
import type { Hex } from '../../../base/kernel/index.ts';
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

const UPTO = '0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002';

let permit: SignedPermit;
beforeAll(async () => {
  permit = await signedPermit(payer, TOKEN, { deadline: seconds(60) });
});

const withAt = (path: Path, value: unknown) => changedAt(permit, path, value);

describe('a payment by Permit2', () => {
  const signed = [...payload, 'permit2Authorization'] as const;
  const version1 = () => ({
    x402Version: 1,
    paymentPayload: { ...permit.paymentPayload, x402Version: 1, scheme: 'exact', network: NETWORK },
    paymentRequirements: { ...permit.paymentRequirements, maxAmountRequired: PRICE },
  });

  it('passes, as the packages sign it, and needs no domain of the token', () => {
    expect(judge(permit)).toBe('ok');
    expect(judge(withAt([...signed, 'spender'], PROXY.toLowerCase()))).toBe('ok');
  });

  it('is of version 2 alone', () => {
    expect(judge(version1())).toBe('unsupported_asset_transfer_method');
  });

  it.each<[string, Path, unknown, string]>([
    ['EIP-3009 asked for', [...asked, 'extra'], DOMAIN, 'unsupported_payload_type'],
    ['no permit', signed, undefined, 'invalid_payload'],
    ['a list for a permit', signed, [], 'invalid_payload'],
    ['no payer', [...signed, 'from'], undefined, 'invalid_payload'],
    ['the zero payer', [...signed, 'from'], `0x${'00'.repeat(20)}`, 'invalid_permit2_signature'],
    ['another payer', [...signed, 'from'], OTHER, 'only its wallet can say'],
    ['no token permitted', [...signed, 'permitted'], null, 'invalid_payload'],
    ['another token permitted', [...signed, 'permitted', 'token'], OTHER, 'permit2_token_mismatch'],
    ['one unit less', [...signed, 'permitted', 'amount'], '9999', 'permit2_amount_mismatch'],
    ['one unit more', [...signed, 'permitted', 'amount'], '10001', 'permit2_amount_mismatch'],
    ['a number for an amount', [...signed, 'permitted', 'amount'], 10_000, 'invalid_payload'],
    ['another spender', [...signed, 'spender'], PERMIT2, 'invalid_permit2_spender'],
    ['the proxy of upto', [...signed, 'spender'], UPTO, 'invalid_permit2_spender'],
    ['no spender', [...signed, 'spender'], undefined, 'invalid_payload'],
    ['a nonce in hex', [...signed, 'nonce'], '0x07', 'invalid_payload'],
    ['a nonce of 2^256', [...signed, 'nonce'], TOO_MUCH.toString(), 'invalid_payload'],
    ['another nonce', [...signed, 'nonce'], '7', 'only its wallet can say'],
    ['no deadline', [...signed, 'deadline'], undefined, 'invalid_payload'],
    ['a padded deadline', [...signed, 'deadline'], `0${seconds(60)}`, 'invalid_payload'],
    ['no witness', [...signed, 'witness'], undefined, 'invalid_payload'],
    [
      'another payee signed',
      [...signed, 'witness', 'to'],
      OTHER,
      'invalid_permit2_recipient_mismatch',
    ],
    ['no time to begin', [...signed, 'witness', 'validAfter'], null, 'invalid_payload'],
    ['another payee asked', [...asked, 'payTo'], OTHER, 'invalid_payment_requirements'],
    ['another token asked', [...asked, 'asset'], OTHER, 'invalid_payment_requirements'],
    ['64 bytes of signature', [...payload, 'signature'], compact, 'invalid_permit2_signature'],
    ['no signature', [...payload, 'signature'], undefined, 'invalid_payload'],
  ])('%s', (_, path, value, reason) => {
    const given = typeof value === 'function' ? value() : value;
    expect(judge(withAt(path, given))).toBe(reason);
  });

  it.each<[string, string, string, string]>([
    ['6 seconds left', seconds(6), '0', 'ok'],
    ['5 seconds left', seconds(5), '0', 'permit2_deadline_expired'],
    ['a beginning now', seconds(60), seconds(0), 'ok'],
    ['a beginning in a second', seconds(60), seconds(1), 'permit2_not_yet_valid'],
  ])('with %s', async (_, deadline, validAfter, reason) => {
    const witness = { to: PAY_TO, validAfter };
    const body = await signedPermit(payer, TOKEN, { deadline, witness });
    expect(judge(body)).toBe(reason);
  });

  it('has one identity, whatever the token, and another than the same nonce by EIP-3009', () => {
    const nonce: Hex = `0x${'07'.repeat(32)}`;
    const of = (token: Hex, method: 'eip3009' | 'permit2') =>
      authorizationDigest({ method, chainId: 31_337, token, payer: OTHER, nonce });
    expect(of(TOKEN, 'permit2')).toBe(of(OTHER, 'permit2'));
    expect(of(TOKEN, 'permit2')).not.toBe(of(TOKEN, 'eip3009'));
    const types = ['uint256', 'address', 'address', 'bytes32'] as const;
    const bytes = encodePacked(types, [31_337n, PERMIT2, OTHER, nonce]);
    expect(of(TOKEN, 'permit2')).toBe(keccak256(bytes));
  });

  function compact(): string {
    return permit.paymentPayload.payload.signature.slice(0, -2);
  }
});
