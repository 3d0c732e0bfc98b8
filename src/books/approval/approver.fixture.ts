import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import secp256k1 from 'secp256k1';
import type { ApproverSettings } from '../../base/config/index.ts';
import { addressOf, fromHex, type Hex, sha256Hex } from '../../base/kernel/index.ts';
import type { Proof } from './check/signature.ts';

export const WEBAUTHN = { rpId: 'pay.example', origins: ['https://pay.example'] };

/** Somebody with a key of each kind's own, who signs digests. */
export type Person = { settings: ApproverSettings; sign(digest: Hex): Proof };

const spki = (key: KeyObject) => key.export({ format: 'der', type: 'spki' }).toString('base64');

export function ed25519Person(id: string, initiators: string[] = []): Person {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    settings: { id, initiators, kind: 'ed25519', publicKey: spki(publicKey) },
    sign: (digest) => ({ signature: sign(null, fromHex(digest), privateKey), passkey: null }),
  };
}

export function evmPerson(id: string, initiators: string[] = []): Person {
  const secret = Buffer.from(sha256Hex(`key of ${id}`), 'hex');
  const address = addressOf(secp256k1.publicKeyCreate(secret, false));
  return {
    settings: { id, initiators, kind: 'evm', address },
    sign: (digest) => {
      const { signature, recid } = secp256k1.ecdsaSign(fromHex(digest), secret);
      return { signature: Buffer.from([...signature, 27 + recid]), passkey: null };
    },
  };
}

/** A passkey on an authenticator of its own; `over` makes what it gives wrong. */
export function passkeyPerson(
  id: string,
  curve: 'P-256' | 'ed25519' = 'P-256',
): Person & { assert(digest: Hex, over?: Partial<Assertion>): Proof } {
  const { publicKey, privateKey } =
    curve === 'P-256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('ed25519');
  const assert = (digest: Hex, over: Partial<Assertion> = {}): Proof => {
    const { rpId, flags, counter, ...client } = {
      rpId: WEBAUTHN.rpId,
      flags: 0x05,
      counter: 1,
      type: 'webauthn.get',
      challenge: fromHex(digest).toString('base64url'),
      origin: WEBAUTHN.origins[0]!,
      crossOrigin: false,
      ...over,
    };
    const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
    const clientData = Buffer.from(JSON.stringify(client));
    const head = Buffer.from([flags, 0, 0, 0, counter]);
    const authenticatorData = Buffer.concat([sha256(Buffer.from(rpId)), head]);
    const signed = Buffer.concat([authenticatorData, sha256(clientData)]);
    const signature = sign(curve === 'P-256' ? 'sha256' : null, signed, privateKey);
    return { signature, passkey: { authenticatorData, clientData } };
  };
  return {
    settings: {
      id,
      initiators: [],
      kind: 'webauthn',
      publicKey: spki(publicKey),
      credentialId: id,
    },
    sign: (digest) => assert(digest),
    assert,
  };
}

type Assertion = {
  rpId: string;
  flags: number;
  counter: number;
  type: string;
  challenge: string;
  origin: string;
  crossOrigin: boolean;
};
