import { readFileSync } from 'node:fs';
import secp256k1 from 'secp256k1';
import {
  DEVELOPMENT_CHAIN_ID,
  type KeySettings,
  type LaneSettings,
} from '../../base/config/index.ts';
import type { Signature } from '../../base/effect/index.ts';
import {
  type Address,
  addressOf,
  ConfigurationError,
  fromHex,
  messageOf,
} from '../../base/kernel/index.ts';
import { decryptKeystoreV3 } from './keystore-v3.ts';

/**
 * Whoever holds keys: this process, a KMS, an HSM. A signature is over 32 bytes, low s. Throws
 * Transient when the holder can not be reached; asked again it may give another valid signature,
 * which is why the journal and not the key decides what is handed out.
 */
export type Keystore = {
  address(keyId: string): Address | undefined;
  sign(keyId: string, digest: Buffer): Promise<Signature>;
};

/**
 * Keys in this process's memory, decrypted once at the start (a key decrypted per signature has been
 * seen to eat 19 GiB). Throws ConfigurationError that names the key and never shows it: a file that
 * can not be read or decrypted, a value that is no key, a development key for a lane of a real chain.
 */
export function openKeystore(
  keys: readonly KeySettings[],
  lanes: readonly LaneSettings[],
): Keystore {
  const held = new Map<string, { secret: Buffer; address: Address }>();
  for (const key of keys) {
    const real = lanes.find((lane) => lane.key === key.id && lane.chainId !== DEVELOPMENT_CHAIN_ID);
    if (key.kind === 'development' && real !== undefined) {
      throw new ConfigurationError(
        `key ${key.id} is a development key, known to everyone, and lane ${real.address} is on chain ${real.chainId}: development keys are for chain ${DEVELOPMENT_CHAIN_ID} only`,
      );
    }
    const secret = secretOf(key);
    if (!secp256k1.privateKeyVerify(secret)) {
      throw new ConfigurationError(`key ${key.id} is not a secp256k1 private key`);
    }
    held.set(key.id, { secret, address: addressOf(secp256k1.publicKeyCreate(secret, false)) });
  }
  return {
    address: (keyId) => held.get(keyId)?.address,
    sign: async (keyId, digest) => {
      const key = held.get(keyId);
      if (key === undefined) throw new ConfigurationError(`there is no key ${keyId}`);
      // libsecp256k1: RFC 6979 nonces and low s, so the same digest gives the same signature.
      const { signature, recid } = secp256k1.ecdsaSign(digest, key.secret);
      return {
        r: Buffer.from(signature.subarray(0, 32)),
        s: Buffer.from(signature.subarray(32, 64)),
        yParity: recid === 0 ? 0 : 1,
      };
    },
  };
}

function secretOf(key: KeySettings): Buffer {
  try {
    const secret =
      key.kind === 'development'
        ? fromHex(key.privateKey)
        : decryptKeystoreV3(readFileSync(key.file, 'utf8'), key.password);
    if (secret.length !== 32) throw new Error(`it has ${secret.length} bytes, expected 32`);
    return secret;
  } catch (error) {
    const source = key.kind === 'keystore' ? ` in ${key.file}` : '';
    throw new ConfigurationError(`key ${key.id}${source}: ${messageOf(error)}`);
  }
}
