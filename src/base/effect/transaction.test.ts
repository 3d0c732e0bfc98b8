import fc from 'fast-check';
import secp256k1 from 'secp256k1';
import {
  keccak256,
  parseTransaction,
  recoverTransactionAddress,
  serializeTransaction,
  type TransactionSerialized,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { type Address, type Hex, toHex } from '../kernel/index.ts';
import {
  effectOf,
  fillerOf,
  signedTransaction,
  signingDigest,
  type UnsignedFields,
  unsignedTransaction,
} from './index.ts';

const KEY: Hex = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const LANE = privateKeyToAccount(KEY).address.toLowerCase() as Address;

const address = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes) => `0x${Buffer.from(bytes).toString('hex')}` as Address);
const fee = fc.bigInt({ min: 0n, max: 2n ** 96n });
const fields = fc
  .record({
    chainId: fc.integer({ min: 1 }),
    nonce: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
    gasLimit: fc.bigInt({ min: 21_000n, max: 30_000_000n }),
    maxFeePerGas: fee,
    tip: fee,
    effect: fc.oneof(
      fc
        .record({ recipient: address, amount: fc.bigInt({ min: 1n, max: 2n ** 255n }) })
        .map((i) => effectOf({ token: null, ...i })),
      fc
        .record({
          token: address,
          recipient: address,
          amount: fc.bigInt({ min: 1n, max: 2n ** 255n }),
        })
        .map(effectOf),
      address.map(fillerOf),
    ),
  })
  .map(({ tip, ...rest }) => ({
    ...rest,
    maxPriorityFeePerGas: tip < rest.maxFeePerGas ? tip : rest.maxFeePerGas,
  }));

function sign(unsigned: Buffer) {
  const { signature, recid } = secp256k1.ecdsaSign(
    signingDigest(unsigned),
    Buffer.from(KEY.slice(2), 'hex'),
  );
  return signedTransaction(unsigned, {
    r: Buffer.from(signature.subarray(0, 32)),
    s: Buffer.from(signature.subarray(32)),
    yParity: recid as 0 | 1,
  });
}

const viemForm = (f: UnsignedFields) => ({
  type: 'eip1559' as const,
  chainId: f.chainId,
  nonce: Number(f.nonce),
  gas: f.gasLimit,
  maxFeePerGas: f.maxFeePerGas,
  maxPriorityFeePerGas: f.maxPriorityFeePerGas,
  to: f.effect.to,
  value: f.effect.value,
  data: f.effect.data,
});

const legacyForm = (f: UnsignedFields) => ({
  type: 'legacy' as const,
  chainId: f.chainId,
  nonce: Number(f.nonce),
  gas: f.gasLimit,
  gasPrice: f.maxFeePerGas,
  to: f.effect.to,
  value: f.effect.value,
  data: f.effect.data,
});

describe('unsignedTransaction', () => {
  it('is byte for byte what viem serialises', () => {
    fc.assert(
      fc.property(fields, (f) => {
        expect(toHex(unsignedTransaction(f))).toBe(serializeTransaction(viemForm(f)));
        const legacy = unsignedTransaction({ ...f, txType: 0 });
        expect(toHex(legacy)).toBe(serializeTransaction(legacyForm(f)));
      }),
    );
  });
});

describe('signedTransaction', () => {
  it('parses back to the same fields, hashes to its hash, and its sender is the key', async () => {
    await fc.assert(
      fc.asyncProperty(fields, async (f) => {
        const { raw, hash } = sign(unsignedTransaction(f));
        const serialized = toHex(raw) as TransactionSerialized;
        expect(hash).toBe(keccak256(raw));
        const parsed = parseTransaction(serialized);
        const wanted = viemForm(f);
        // viem leaves out what is zero or empty.
        expect({ ...parsed }).toMatchObject(
          Object.fromEntries(
            Object.entries(wanted).filter(([, v]) => v !== 0n && v !== 0 && v !== '0x'),
          ),
        );
        expect(
          (
            await recoverTransactionAddress({ serializedTransaction: serialized as never })
          ).toLowerCase(),
        ).toBe(LANE);
      }),
      { numRuns: 50 },
    );
  });

  it('is what viem signs with the same key where there are no base fees, whatever the chain id', async () => {
    const account = privateKeyToAccount(KEY);
    await fc.assert(
      fc.asyncProperty(
        fields,
        fc.constantFrom(1, 46, 47, 110, 31337, 2 ** 52),
        async (f, chainId) => {
          const { raw, hash } = sign(unsignedTransaction({ ...f, chainId, txType: 0 }));
          expect(toHex(raw)).toBe(await account.signTransaction(legacyForm({ ...f, chainId })));
          expect(hash).toBe(keccak256(raw));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is what viem signs with the same key, leading zeros of r and s included', async () => {
    const account = privateKeyToAccount(KEY);
    let shortened = 0;
    for (let nonce = 0n; nonce < 600n; nonce += 1n) {
      const f = {
        chainId: 31337,
        nonce,
        effect: fillerOf(LANE),
        gasLimit: 21_000n,
        maxFeePerGas: 7n,
        maxPriorityFeePerGas: 1n,
      };
      const { raw } = sign(unsignedTransaction(f));
      const length = sign(unsignedTransaction({ ...f, nonce: 0n })).raw.length;
      if (raw.length < length) {
        shortened += 1;
        expect(toHex(raw)).toBe(await account.signTransaction(viemForm(f)));
      }
    }
    expect(shortened).toBeGreaterThan(0);
  });

  it('refuses bytes that are not an unsigned transaction', () => {
    const signature = { r: Buffer.alloc(32, 1), s: Buffer.alloc(32, 1), yParity: 0 as const };
    const unsigned = unsignedTransaction({
      chainId: 1,
      nonce: 0n,
      effect: fillerOf(LANE),
      gasLimit: 21_000n,
      maxFeePerGas: 1n,
      maxPriorityFeePerGas: 0n,
    });
    expect(() => signedTransaction(unsigned.subarray(1), signature)).toThrow(RangeError);
    expect(() => signedTransaction(unsigned.subarray(0, -1), signature)).toThrow(RangeError);
    expect(() => signedTransaction(Buffer.from([2, 0x80]), signature)).toThrow(RangeError);
    expect(() => signedTransaction(Buffer.from([2, 0xf9, 1]), signature)).toThrow(RangeError);
    const list = (...items: number[]) => Buffer.from([0xc0 + items.length, ...items]);
    for (const wrong of [
      list(),
      list(1, 1, 1, 1, 1, 1, 1, 0x80),
      list(1, 1, 1, 1, 1, 1, 0x80),
      list(1, 1, 1, 1, 1, 1, 1, 0x80, 1),
      list(1, 1, 1, 1, 1, 1, 0x80, 0x80, 0x80),
      list(1, 1, 1, 1, 1, 1, 1, 0x80, 0x80, 0x80),
      list(1, 1, 1, 1, 0xc0, 1, 1, 0x80, 0x80),
      list(1, 1, 1, 1, 1, 1, 1, 0x80, 0x81),
      list(1, 1, 1, 1, 1, 0xb8),
      list(1, 1, 1, 1, 1, 0xbf, 1, 1, 1, 1, 1, 1, 1, 1),
    ]) {
      expect(() => signedTransaction(wrong, signature), wrong.toString('hex')).toThrow(RangeError);
    }
    expect(signedTransaction(list(1, 1, 1, 1, 1, 1, 1, 0x80, 0x80), signature).raw.length).toBe(75);
  });
});
