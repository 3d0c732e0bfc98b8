import type { Signature } from '../../../base/effect/index.ts';
import { localKey } from './local.ts';
import { decryptKeystoreV3 } from './v3.ts';

/** One signature of the key in a keystore v3 file, which is forgotten after. Throws Error with what does not fit. */
export async function signWithKeystore(
  json: string,
  password: string,
  digest: Buffer,
): Promise<Signature> {
  const key = localKey(decryptKeystoreV3(json, password));
  try {
    return await key.sign(digest);
  } finally {
    key.close();
  }
}
