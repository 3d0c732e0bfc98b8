import secp256k1 from 'secp256k1';
import { expect, it } from 'vitest';
import { type Address, addressOf, ConfigurationError } from '../../src/base/kernel/index.ts';
import type { openKeystore } from '../../src/hands/signer/index.ts';

type KeystoreUnderTest = {
  /** Opens it with the one key `hot`. */
  open(): ReturnType<typeof openKeystore>;
  /** Of that key. */
  address: Address;
};

const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

/** What every keystore must do; call it inside a describe. */
export function keystoreConformance(start: () => KeystoreUnderTest): void {
  const digests = Array.from({ length: 40 }, (_, n) => Buffer.alloc(32, n + 1));
  const recover = ({ r, s, yParity }: { r: Buffer; s: Buffer; yParity: number }, digest: Buffer) =>
    addressOf(secp256k1.ecdsaRecover(Buffer.concat([r, s]), yParity, digest, false));

  it('gives the address of its key, and of no other', async () => {
    const keystore = await start().open();
    expect(keystore.address('hot')).toBe(start().address);
    expect(keystore.address('cold')).toBeUndefined();
    keystore.stop();
  });

  it('signs what recovers to that address, with low s, many at once', async () => {
    const keystore = await start().open();
    const signed = await Promise.all(digests.map((digest) => keystore.sign('hot', digest)));
    signed.forEach((signature, index) => {
      expect([signature.r.length, signature.s.length]).toEqual([32, 32]);
      expect(BigInt(`0x${signature.s.toString('hex')}`) <= HALF_ORDER).toBe(true);
      expect(recover(signature, digests[index]!)).toBe(start().address);
    });
    keystore.stop();
  });

  it('refuses a key that it does not have', async () => {
    const keystore = await start().open();
    await expect(keystore.sign('cold', digests[0]!)).rejects.toThrow(ConfigurationError);
    await expect(keystore.sign('cold', digests[0]!)).rejects.toThrow('there is no key cold');
    keystore.stop();
  });

  it('signs nothing after its stop', async () => {
    const keystore = await start().open();
    await keystore.sign('hot', digests[0]!);
    keystore.stop();
    await expect(keystore.sign('hot', digests[0]!)).rejects.toThrow(ConfigurationError);
    expect(keystore.address('hot')).toBeUndefined();
  });
}
