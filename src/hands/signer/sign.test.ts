import { expect, it } from 'vitest';
import { fillerOf, type Signature, unsignedTransaction } from '../../base/effect/index.ts';
import { type Address, type Clock, silentLog, systemClock } from '../../base/kernel/index.ts';
import type { Keystore } from './keystore/keystore.ts';
import { signAll } from './sign.ts';

const ADDRESS: Address = `0x${'11'.repeat(20)}`;
const SIGNATURE: Signature = { r: Buffer.alloc(32, 1), s: Buffer.alloc(32, 1), yParity: 0 };
const fees = { gasLimit: 21_000n, maxFeePerGas: 1n, maxPriorityFeePerGas: 1n };
const asked = ['here', 'elsewhere'].map((keyId) => ({
  keyId,
  entry: {
    ...{ requestId: keyId, intentId: '0x' as const, fingerprint: Buffer.alloc(32), signed: null },
    unsigned: unsignedTransaction({
      ...fees,
      chainId: 1,
      nonce: 0n,
      effect: fillerOf(ADDRESS),
    }),
  },
}));

it('waits for keys of this process beyond its patience, and for none elsewhere', async () => {
  let sign = (_: Signature) => {};
  const later = new Promise<Signature>((resolve) => {
    sign = resolve;
  });
  const keystore: Keystore = {
    address: () => ADDRESS,
    sign: (keyId) => (keyId === 'here' ? later : new Promise(() => {})),
    holds: (keyId) => keyId === 'here',
  };
  // Its patience is over at once; then the key that is here signs.
  const clock: Clock = {
    ...systemClock,
    sleep: async () => {
      setImmediate(sign, SIGNATURE);
    },
  };
  const { signed, owed } = await signAll({ keystore, clock, log: silentLog }, asked);
  expect(signed.map(({ requestId }) => requestId)).toEqual(['here']);
  expect(owed).toHaveLength(1);
});
