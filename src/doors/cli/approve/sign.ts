import { createPrivateKey, sign } from 'node:crypto';
import { fromHex, type Hex, messageOf, toHex } from '../../../base/kernel/index.ts';
import { signWithKeystore } from '../../../hands/signer/index.ts';

/**
 * The signature of a key file over a digest: an Ed25519 private key in PEM, or an EVM key in a keystore v3 file that
 * the password opens. Throws Error that shows nothing of the key.
 */
export async function signDigest(
  file: string,
  digest: Hex,
  password: string | undefined,
): Promise<Hex> {
  if (file.trimStart().startsWith('{')) {
    if (password === undefined) throw new Error('the keystore needs PAYONCE_KEY_PASSWORD');
    const { r, s, yParity } = await signWithKeystore(file, password, fromHex(digest));
    return toHex(Buffer.concat([r, s, Buffer.from([27 + yParity])]));
  }
  const key = (() => {
    try {
      return createPrivateKey({
        key: file,
        ...(password === undefined ? {} : { passphrase: password }),
      });
    } catch (error) {
      throw new Error(
        `no private key in PEM, and no keystore (${(error as { code?: string }).code ?? messageOf(error).slice(0, 40)})`,
      );
    }
  })();
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new Error(`the key is ${key.asymmetricKeyType}, expected Ed25519`);
  }
  return toHex(sign(null, fromHex(digest), key));
}
