import { beforeAll, describe, expect, it } from 'vitest';
import { NETWORK, PAY_TO, PRICE } from '../../../../test/support/x402/payers.ts';
import {
  charging,
  PROXY,
  type SignedPermit,
  signedUpto,
} from '../../../../test/support/x402/permits.ts';
import {
  asked,
  changedAt,
  judge,
  OTHER,
  PAYING_LANE,
  type Path,
  payer,
  payload,
  seconds,
  TOKEN,
} from './check.fixture.ts';

let permit: SignedPermit;
beforeAll(async () => {
  permit = await signedUpto(payer, TOKEN, PAYING_LANE, { deadline: seconds(60) });
});

const withAt = (path: Path, value: unknown) => changedAt(permit, path, value);
const accepted = ['paymentPayload', 'accepted'] as const;
const signed = [...payload, 'permit2Authorization'] as const;
const witness = [...signed, 'witness'] as const;

describe('a payment of which its payer signed the most', () => {
  it('passes as the packages sign it, with or without the method named', () => {
    expect(judge(permit)).toBe('ok');
    expect(judge(withAt([...asked, 'extra'], {}))).toBe('ok');
  });

  it.each<[string, Path, unknown, string]>([
    ['another scheme asked', [...asked, 'scheme'], 'exact', 'unsupported_scheme'],
    ['another scheme accepted', [...accepted, 'scheme'], 'exact', 'invalid_upto_evm_scheme'],
    ['a scheme that nobody has', [...asked, 'scheme'], 'most', 'unsupported_scheme'],
    [
      'another network accepted',
      [...accepted, 'network'],
      'eip155:1',
      'invalid_upto_evm_network_mismatch',
    ],
    [
      'EIP-3009 asked for',
      [...asked, 'extra'],
      { assetTransferMethod: 'eip3009' },
      'unsupported_asset_transfer_method',
    ],
    ['the proxy of exact', [...signed, 'spender'], PROXY, 'invalid_permit2_spender'],
    ['no facilitator', [...witness, 'facilitator'], undefined, 'invalid_payload'],
    ['another facilitator', [...witness, 'facilitator'], OTHER, 'upto_facilitator_mismatch'],
    ['another payee signed', [...witness, 'to'], OTHER, 'invalid_permit2_recipient_mismatch'],
    ['one unit less signed', [...signed, 'permitted', 'amount'], '9999', 'permit2_amount_mismatch'],
    ['one unit more asked', [...asked, 'amount'], '10001', 'permit2_amount_mismatch'],
    ['one unit less asked', [...asked, 'amount'], '9999', 'permit2_amount_mismatch'],
    ['nothing asked', [...asked, 'amount'], '0', 'permit2_amount_mismatch'],
    ['another nonce', [...signed, 'nonce'], '7', 'only its wallet can say'],
  ])('%s', (_, path, value, reason) => {
    expect(judge(withAt(path, value))).toBe(reason);
  });

  it('is of version 2 alone', () => {
    const first = {
      x402Version: 1,
      paymentPayload: {
        ...permit.paymentPayload,
        x402Version: 1,
        scheme: 'upto',
        network: NETWORK,
      },
      paymentRequirements: { ...permit.paymentRequirements, maxAmountRequired: PRICE },
    };
    expect(judge(first)).toBe('unsupported_scheme');
  });

  it.each([
    ['0', 'ok'],
    ['1', 'ok'],
    [PRICE, 'ok'],
    ['10001', 'invalid_upto_evm_payload_settlement_exceeds_amount'],
    ['-1', 'invalid_payload'],
  ])('is charged %s in the end: %s', (amount, said) => {
    expect(judge(charging(permit, amount), [], 'settle')).toBe(said);
  });

  it('is judged by the most, whatever is charged', async () => {
    const dear = await signedUpto(payer, TOKEN, PAYING_LANE, {
      deadline: seconds(60),
      permitted: { token: TOKEN, amount: '50001' },
    });
    expect(judge(charging(dear, '1'), [], 'settle')).toBe('invalid_payment_requirements');
  });

  it('signs for a witness with its facilitator', async () => {
    const own = await signedUpto(payer, TOKEN, OTHER, { deadline: seconds(60) });
    const moved = changedAt(own, [...witness, 'facilitator'], PAYING_LANE);
    expect(judge(moved)).toBe('only its wallet can say');
    expect(PAY_TO).toBe(own.paymentPayload.payload.permit2Authorization.witness.to);
  });
});
