import { recoverAddress } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { expect, it } from 'vitest';
import { fromHex, type Hex, toHex } from '../../../base/kernel/index.ts';
import { signWithKeystore } from './sign-once.ts';
import { encryptV3 } from './v3.fixture.ts';

const SECRET: Hex = `0x${'7a'.repeat(32)}`;
const DIGEST: Hex = `0x${'5c'.repeat(32)}`;

it('one signature of a keystore is its key’s; a wrong password gives none', async () => {
  const file = encryptV3(fromHex(SECRET), 'open');
  const { r, s, yParity } = await signWithKeystore(file, 'open', fromHex(DIGEST));
  const signature = toHex(Buffer.concat([r, s, Buffer.from([27 + yParity])]));
  expect(await recoverAddress({ hash: DIGEST, signature })).toBe(privateKeyToAddress(SECRET));
  await expect(signWithKeystore(file, 'wrong', fromHex(DIGEST))).rejects.toThrow(
    /password is wrong/,
  );
});
