import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import secp256k1 from 'secp256k1';
import type { ApprovalSettings, ApproverSettings } from '../../../base/config/index.ts';
import { addressOf, fromHex, type Hex } from '../../../base/kernel/index.ts';

/** What an approver's key gave for a digest; a passkey signs two more things around it. */
export type Proof = {
  signature: Buffer;
  passkey: { authenticatorData: Buffer; clientData: Buffer } | null;
};

type Verified = { ok: true } | { ok: false; why: string };

const OK: Verified = { ok: true };
const no = (why: string): Verified => ({ ok: false, why });

/** Whether it is this approver's signature over the digest. Pure: by the configuration and nothing else. */
export function verifyProof(
  approver: ApproverSettings,
  digest: Hex,
  proof: Proof,
  webauthn: ApprovalSettings['webauthn'],
): Verified {
  if ((approver.kind === 'webauthn') !== (proof.passkey !== null)) {
    return no(`the key of ${approver.id} is of kind ${approver.kind}`);
  }
  switch (approver.kind) {
    case 'ed25519': {
      const { signature } = proof;
      return signature.length === 64 &&
        verify(null, fromHex(digest), publicKeyOf(approver.publicKey), signature)
        ? OK
        : no(`not the signature of ${approver.id} over this content`);
    }
    case 'evm':
      return verifyEvm(approver, digest, proof.signature);
    case 'webauthn':
      return verifyPasskey(approver, digest, { ...proof, ...proof.passkey! }, webauthn);
  }
}

/** r, s and v (0, 1, 27 or 28) of a key that signed the typed data; s in the lower half, so there is one form. */
function verifyEvm(
  approver: ApproverSettings & { kind: 'evm' },
  digest: Hex,
  signature: Buffer,
): Verified {
  const v = signature[64];
  if (signature.length !== 65 || v === undefined || ![0, 1, 27, 28].includes(v)) {
    return no('an EVM signature is 65 bytes: r, s and v');
  }
  const rs = Uint8Array.from(signature.subarray(0, 64));
  try {
    const low = secp256k1.signatureNormalize(Uint8Array.from(rs));
    if (!Buffer.from(low).equals(Buffer.from(rs))) return no('s is in the upper half of its range');
    const key = secp256k1.ecdsaRecover(rs, v % 27, fromHex(digest), false);
    const address = addressOf(key);
    return address === approver.address
      ? OK
      : no(`signed by ${address}, and ${approver.id} is ${approver.address}`);
  } catch {
    return no('no point of the curve gives this signature');
  }
}

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const AUTHENTICATOR_DATA_HEAD = 37;

/** WebAuthn Level 2, 7.2: what matters of an assertion whose challenge is the digest. */
function verifyPasskey(
  approver: ApproverSettings & { kind: 'webauthn' },
  digest: Hex,
  assertion: { authenticatorData: Buffer; clientData: Buffer; signature: Buffer },
  webauthn: ApprovalSettings['webauthn'],
): Verified {
  if (webauthn === null) return no('no passkeys are configured');
  const { authenticatorData, clientData, signature } = assertion;
  const client = readClientData(clientData);
  if (client?.type !== 'webauthn.get') return no('clientDataJSON is of no assertion');
  if (client.challenge !== fromHex(digest).toString('base64url')) {
    return no('the passkey signed another challenge than this content');
  }
  if (!webauthn.origins.includes(client.origin) || client.crossOrigin) {
    return no(`the passkey was used at ${client.origin}, not at ${webauthn.origins.join(' or ')}`);
  }
  if (authenticatorData.length < AUTHENTICATOR_DATA_HEAD) return no('authenticatorData is cut off');
  if (!authenticatorData.subarray(0, 32).equals(sha256(Buffer.from(webauthn.rpId, 'utf8')))) {
    return no(`the passkey is of another relying party than ${webauthn.rpId}`);
  }
  const flags = authenticatorData[32]!;
  if ((flags & USER_PRESENT) === 0 || (flags & USER_VERIFIED) === 0) {
    return no('the authenticator did not verify who used it');
  }
  const key = publicKeyOf(approver.publicKey);
  const signed = Buffer.concat([authenticatorData, sha256(clientData)]);
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return verify(algorithm, signed, key, signature)
    ? OK
    : no(`not the signature of ${approver.id}'s passkey`);
}

function readClientData(
  bytes: Buffer,
): { type: string; challenge: string; origin: string; crossOrigin: boolean } | null {
  try {
    const read = JSON.parse(bytes.toString('utf8')) as Record<string, unknown> | null;
    const text = (name: string) => (typeof read?.[name] === 'string' ? (read[name] as string) : '');
    return {
      type: text('type'),
      challenge: text('challenge'),
      origin: text('origin'),
      crossOrigin: read?.['crossOrigin'] === true,
    };
  } catch {
    return null;
  }
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Of SubjectPublicKeyInfo in base64, which the configuration has read before. */
function publicKeyOf(spki: string): KeyObject {
  const known = keys.get(spki);
  if (known !== undefined) return known;
  const key = createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' });
  keys.set(spki, key);
  return key;
}

// As many as the configuration has.
const keys = new Map<string, KeyObject>();
