import fc from 'fast-check';
import { decodeFunctionData, erc20Abi, keccak256, numberToHex, toRlp } from 'viem';
import { describe, expect, it } from 'vitest';
import type { Address, Hex } from '../kernel/index.ts';
import { MAX_UINT256 } from '../kernel/index.ts';
import { effectDigest, effectOf, fillerOf, intentId } from './index.ts';

const address = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes) => `0x${Buffer.from(bytes).toString('hex')}` as Address);
const amount = fc.bigInt({ min: 1n, max: MAX_UINT256 });
const LANE: Address = `0x${'11'.repeat(20)}`;
const TOKEN: Address = `0x${'22'.repeat(20)}`;
const PAYEE: Address = `0x${'33'.repeat(20)}`;

describe('effectOf', () => {
  it('is a plain transfer for the native coin', () => {
    expect(effectOf({ token: null, recipient: PAYEE, amount: 5n })).toEqual({
      to: PAYEE,
      value: 5n,
      data: '0x',
    });
  });

  it('is transfer(recipient, amount) of the token, for every recipient and amount', () => {
    fc.assert(
      fc.property(address, amount, (recipient, units) => {
        const effect = effectOf({ token: TOKEN, recipient, amount: units });
        expect(effect).toMatchObject({ to: TOKEN, value: 0n });
        const call = decodeFunctionData({ abi: erc20Abi, data: effect.data });
        expect(call.functionName).toBe('transfer');
        const [to, value] = call.args as [string, bigint];
        expect([to.toLowerCase(), value]).toEqual([recipient, units]);
      }),
    );
  });

  it.each([0n, -1n, MAX_UINT256 + 1n])('has no effect for the amount %s', (units) => {
    expect(() => effectOf({ token: TOKEN, recipient: PAYEE, amount: units })).toThrow(RangeError);
  });
});

describe('effectDigest', () => {
  const effect = effectOf({ token: TOKEN, recipient: PAYEE, amount: 7n });

  it('is keccak256 of the RLP of chain, lane, target, value and data', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1 }), address, address, amount, (chainId, from, to, value) => {
        const quantity = (n: number | bigint): Hex => {
          const hex = numberToHex(n).slice(2);
          return `0x${hex.length % 2 === 0 ? hex : `0${hex}`}`;
        };
        expect(effectDigest(chainId, from, { to, value, data: '0x' })).toBe(
          keccak256(toRlp([quantity(chainId), from, to, quantity(value), '0x'])),
        );
      }),
    );
  });

  it('differs when any part differs', () => {
    const digests = [
      effectDigest(1, LANE, effect),
      effectDigest(2, LANE, effect),
      effectDigest(1, PAYEE, effect),
      effectDigest(1, LANE, { ...effect, to: PAYEE }),
      effectDigest(1, LANE, { ...effect, value: 1n }),
      effectDigest(1, LANE, { ...effect, data: '0x' }),
      effectDigest(1, LANE, fillerOf(LANE)),
    ];
    expect(new Set(digests).size).toBe(digests.length);
  });
});

describe('intentId', () => {
  const parts = {
    installationId: 'i',
    tenantId: 't',
    operation: 'withdrawal',
    idempotencyKey: 'k',
  };

  it('is the same for the same parts and 32 bytes', () => {
    expect(intentId(parts)).toBe(intentId({ ...parts }));
    expect(intentId(parts)).toMatch(/^0x[0-9a-f]{64}$/);
  });

  it('never lets two different lists of parts meet', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é', ':'), maxLength: 4 });
    const list = fc.tuple(text, text, text, text);
    fc.assert(
      fc.property(list, list, (a, b) => {
        const id = ([installationId, tenantId, operation, idempotencyKey]: string[]) =>
          intentId({
            installationId: installationId!,
            tenantId: tenantId!,
            operation: operation!,
            idempotencyKey: idempotencyKey!,
          });
        expect(id(a) === id(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  it('keeps its value: what was paid under it must be found for ever', () => {
    expect(intentId(parts)).toBe(
      '0x8680e6057bf4555ce170fa2c334121f6550d6ebc312ab405356d88d128230e89',
    );
  });
});
