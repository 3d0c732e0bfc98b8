import fc from 'fast-check';
import { decodeFunctionData, parseAbi } from 'viem';
import { describe, expect, it } from 'vitest';
import { type Address, type Hex, MAX_UINT256, toHex } from '../../kernel/index.ts';
import {
  checkEffect,
  effectOf,
  hasRunOut,
  isSettleOf,
  isTaken,
  PERMIT2,
  packAuthorization,
  proxyOf,
  readAuthorization,
  takenCall,
  unpackAuthorization,
} from '../index.ts';

const ABI = parseAbi([
  'struct TokenPermissions { address token; uint256 amount; }',
  'struct Permit { TokenPermissions permitted; uint256 nonce; uint256 deadline; }',
  'struct Witness { address to; uint256 validAfter; }',
  'function settle(Permit permit, address owner, Witness witness, bytes signature)',
  'struct Limited { address to; address facilitator; uint256 validAfter; }',
  'function settle(Permit permit, uint256 amount, address owner, Limited witness, bytes signature)',
  'function nonceBitmap(address owner, uint256 word) view returns (uint256)',
]);
const TOKEN: Address = `0x${'22'.repeat(20)}`;
const PAYEE: Address = `0x${'33'.repeat(20)}`;
const LANE: Address = `0x${'44'.repeat(20)}`;

const bytes = (from: number, to = from) =>
  fc.uint8Array({ minLength: from, maxLength: to }).map((one): Hex => toHex(one));
const uint = fc.bigInt({ min: 0n, max: MAX_UINT256 });
const words = {
  payer: bytes(20),
  validAfter: uint,
  validBefore: uint,
  nonce: bytes(32),
  signature: bytes(1, 200),
};
const authorization = fc.record({
  ...words,
  method: fc.constantFrom('eip3009', 'permit2'),
  ceiling: fc.constant(null),
});
const limited = fc.record({
  ...words,
  method: fc.constant('upto'),
  ceiling: fc.record({ most: uint, facilitator: bytes(20) }),
});
const EXACT_PROXY = proxyOf('permit2');

describe('a packed authorization', () => {
  it('is read as what it was', () => {
    fc.assert(
      fc.property(fc.oneof(authorization, limited), (one) => {
        expect(unpackAuthorization(packAuthorization(one))).toEqual(one);
      }),
    );
  });

  it.each<[string, Hex]>([
    ['nothing', '0x'],
    ['no signature', `0x01${'11'.repeat(116)}`],
    ['a method that nobody has', `0x04${'11'.repeat(181)}`],
    ['a most and no signature', `0x03${'11'.repeat(180)}`],
  ])('%s is none', (_, packed) => {
    expect(readAuthorization(packed)).toBeNull();
    expect(() => unpackAuthorization(packed)).toThrow(RangeError);
  });
});

describe('a payment by Permit2', () => {
  const permit = authorization.map((one) => ({ ...one, method: 'permit2' as const }));
  const amount = fc.bigInt({ min: 1n, max: MAX_UINT256 });

  it('calls settle of the proxy with what was signed, and nothing else', () => {
    fc.assert(
      fc.property(permit, amount, (one, units) => {
        const payerAuthorization = packAuthorization(one);
        const effect = effectOf({
          token: TOKEN,
          recipient: PAYEE,
          amount: units,
          payerAuthorization,
        });
        expect(effect).toMatchObject({ to: EXACT_PROXY, value: 0n });
        const { args } = decodeFunctionData({ abi: ABI, data: effect.data });
        const [given, owner, witness, signature] = args as unknown as [
          { permitted: { token: string; amount: bigint }; nonce: bigint; deadline: bigint },
          string,
          { to: string; validAfter: bigint },
          Hex,
        ];
        expect([given.permitted.token, given.permitted.amount]).toEqual([TOKEN, units]);
        expect([given.nonce, given.deadline]).toEqual([BigInt(one.nonce), one.validBefore]);
        expect([owner.toLowerCase(), witness.to]).toEqual([one.payer, PAYEE]);
        expect([witness.validAfter, signature]).toEqual([one.validAfter, one.signature]);
      }),
    );
  });

  it('is recognised in a call of somebody else, with another form of the signature, and in no other call', () => {
    fc.assert(
      fc.property(permit, amount, bytes(65), (one, units, signature) => {
        const terms = { token: TOKEN, payTo: PAYEE, amount: units };
        const intent = { token: TOKEN, recipient: PAYEE, amount: units };
        const callOf = (changed: Partial<typeof one>) =>
          effectOf({ ...intent, payerAuthorization: packAuthorization({ ...one, ...changed }) });
        const { data } = callOf({ signature });
        expect(isSettleOf(data, terms, one)).toBe(true);
        const withPermit: Hex = `0xfa340378${'ab'.repeat(5 * 32)}${data.slice(10)}`;
        expect(isSettleOf(withPermit, terms, one)).toBe(true);
        const nonce = `0x${one.nonce.slice(2, -1)}${one.nonce.endsWith('1') ? '2' : '1'}` as Hex;
        for (const other of [
          callOf({ nonce }).data,
          callOf({ payer: LANE }).data,
          `0xdeadbeef${data.slice(10)}` as Hex,
          data.slice(0, 200) as Hex,
        ]) {
          expect(isSettleOf(other, terms, one)).toBe(false);
        }
        expect(isSettleOf(data, { ...terms, payTo: LANE }, one)).toBe(false);
      }),
    );
  });

  it('asks Permit2 for the bit of its nonce', () => {
    fc.assert(
      fc.property(permit, (one) => {
        const { to, data } = takenCall({ ...one, token: TOKEN });
        expect(to).toBe(PERMIT2);
        const { args } = decodeFunctionData({ abi: ABI, data });
        expect(args?.[1]).toBe(BigInt(one.nonce) >> 8n);
        const bit = 1n << (BigInt(one.nonce) & 255n);
        expect(isTaken(one, word(bit))).toBe(true);
        expect(isTaken(one, word(MAX_UINT256 ^ bit))).toBe(false);
      }),
    );
  });

  it('is paid by a call of the proxy and the exact Transfer, since Permit2 logs nothing', () => {
    const one = { ...sample, method: 'permit2' as const };
    const payerAuthorization = packAuthorization(one);
    const intent = { token: TOKEN, recipient: PAYEE, amount: 7n, payerAuthorization, from: LANE };
    const moved = (units: bigint) => ({
      address: TOKEN,
      topics: [TRANSFER, topic(one.payer), topic(PAYEE)],
      data: word(units),
    });
    const mined = { status: 'success', from: LANE, to: EXACT_PROXY, logs: [moved(7n)] } as const;
    expect(checkEffect(intent, mined)).toBe('paid');
    expect(checkEffect(intent, { ...mined, to: TOKEN })).toBe('mismatch');
    expect(checkEffect(intent, { ...mined, logs: [moved(6n)] })).toBe('mismatch');
    expect(checkEffect(intent, { ...mined, logs: [] })).toBe('mismatch');
  });
});

describe('a payment of which its payer signed the most', () => {
  it('calls settle of its own proxy with what was signed and what is charged', () => {
    fc.assert(
      fc.property(limited, fc.bigInt({ min: 1n, max: MAX_UINT256 }), (one, charged) => {
        const terms = { token: TOKEN, payTo: PAYEE, amount: charged };
        const effect = effectOf({
          ...{ token: TOKEN, recipient: PAYEE, amount: charged },
          payerAuthorization: packAuthorization(one),
        });
        expect(effect).toMatchObject({
          to: '0x4020a4f3b7b90ccA423b9fabcc0ce57c6c240002'.toLowerCase(),
        });
        const { args } = decodeFunctionData({ abi: ABI, data: effect.data });
        const [given, amount, owner, witness, signature] = args as unknown as [
          { permitted: { token: string; amount: bigint }; nonce: bigint; deadline: bigint },
          bigint,
          string,
          { to: string; facilitator: string; validAfter: bigint },
          Hex,
        ];
        expect([given.permitted.token, given.permitted.amount]).toEqual([TOKEN, one.ceiling.most]);
        expect([given.nonce, given.deadline]).toEqual([BigInt(one.nonce), one.validBefore]);
        expect([amount, owner.toLowerCase(), witness.to]).toEqual([charged, one.payer, PAYEE]);
        expect(witness.facilitator.toLowerCase()).toBe(one.ceiling.facilitator);
        expect([witness.validAfter, signature]).toEqual([one.validAfter, one.signature]);
        expect(isSettleOf(effect.data, terms, one)).toBe(true);
        const other = charged === 1n ? 2n : charged - 1n;
        expect(isSettleOf(effect.data, { ...terms, amount: other }, one)).toBe(false);
      }),
    );
  });

  it('has its nonce where every permit of its payer has it', () => {
    const of = (method: 'permit2' | 'upto') => takenCall({ ...sample, method, token: TOKEN });
    expect(of('upto')).toEqual(of('permit2'));
  });
});

describe('the last second of an authorization', () => {
  it('belongs to it by Permit2, and not by ERC-3009', () => {
    expect(hasRunOut({ method: 'permit2', validBefore: 100n }, 100)).toBe(false);
    expect(hasRunOut({ method: 'permit2', validBefore: 100n }, 101)).toBe(true);
    expect(hasRunOut({ method: 'upto', validBefore: 100n }, 100)).toBe(false);
    expect(hasRunOut({ method: 'eip3009', validBefore: 100n }, 99)).toBe(false);
    expect(hasRunOut({ method: 'eip3009', validBefore: 100n }, 100)).toBe(true);
  });
});

const TRANSFER: Hex = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';
const sample = {
  payer: `0x${'55'.repeat(20)}` as Address,
  validAfter: 0n,
  validBefore: 9n,
  nonce: `0x${'66'.repeat(32)}` as Hex,
  signature: '0x01' as Hex,
  ceiling: null,
};

function word(value: bigint): Hex {
  return `0x${value.toString(16).padStart(64, '0')}`;
}

function topic(address: Address): Hex {
  return `0x${'0'.repeat(24)}${address.slice(2)}`;
}
