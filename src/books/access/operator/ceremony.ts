import { createPublicKey } from 'node:crypto';
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import { messageOf } from '../../../base/kernel/index.ts';

/** Whom a browser shows the passkey to. */
export type Party = { id: string; origin: string };

export type NewPasskey = {
  credentialId: string;
  publicKey: Uint8Array<ArrayBuffer>;
  signCount: number;
  transports: string[];
};
export type Credential = Omit<NewPasskey, 'transports'>;

/** ECDSA over P-256, EdDSA and RSA, in COSE's numbers: what authenticators have. */
const ALGORITHMS = [-7, -8, -257];
const TIMEOUT_MS = 300_000;

/** Loaded at the first login: most processes and commands never need it. */
const webAuthn = () => import('@simplewebauthn/server');

export async function registrationOptions(
  party: Party,
  operator: { operatorId: string; name: string; credentialIds: readonly string[] },
  challenge: string,
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const { generateRegistrationOptions } = await webAuthn();
  return await generateRegistrationOptions({
    ...{ rpName: 'payonce', rpID: party.id, timeout: TIMEOUT_MS, attestationType: 'none' },
    userID: new TextEncoder().encode(operator.operatorId),
    userName: operator.name,
    userDisplayName: operator.name,
    challenge: Buffer.from(challenge, 'base64url') as Uint8Array<ArrayBuffer>,
    excludeCredentials: operator.credentialIds.map((id) => ({ id })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    supportedAlgorithmIDs: ALGORITHMS,
  });
}

export async function loginOptions(
  party: Party,
  challenge: string,
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const { generateAuthenticationOptions } = await webAuthn();
  return await generateAuthenticationOptions({
    rpID: party.id,
    timeout: TIMEOUT_MS,
    userVerification: 'required',
    challenge: Buffer.from(challenge, 'base64url') as Uint8Array<ArrayBuffer>,
  });
}

/** What the answer says it signed; null for what is no answer of a browser. */
export function challengeOf(answer: unknown): string | null {
  const { response } = (answer ?? {}) as { response?: { clientDataJSON?: unknown } };
  const encoded = response?.clientDataJSON;
  if (typeof encoded !== 'string') return null;
  try {
    const text = Buffer.from(encoded, 'base64url').toString('utf8');
    const { challenge } = JSON.parse(text) as { challenge?: unknown };
    return typeof challenge === 'string' ? challenge : null;
  } catch {
    return null;
  }
}

/** The passkey that the answer registers, or why it does not. */
export async function judgeRegistration(
  party: Party,
  answer: unknown,
  challenge: string,
): Promise<NewPasskey | string> {
  const { verifyRegistrationResponse } = await webAuthn();
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: answer as RegistrationResponseJSON,
      ...{ expectedChallenge: challenge, expectedOrigin: party.origin, expectedRPID: party.id },
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (!verified) return 'the attestation does not verify';
    const { id, publicKey, counter, transports = [] } = registrationInfo.credential;
    return { credentialId: id, publicKey, signCount: counter, transports };
  } catch (error) {
    return messageOf(error);
  }
}

/** The counter of the answer, or why it is not one of this passkey. A counter that does not rise is refused. */
export async function judgeLogin(
  party: Party,
  answer: unknown,
  challenge: string,
  { credentialId, publicKey, signCount }: Credential,
): Promise<number | string> {
  const { verifyAuthenticationResponse } = await webAuthn();
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: answer as AuthenticationResponseJSON,
      ...{ expectedChallenge: challenge, expectedOrigin: party.origin, expectedRPID: party.id },
      requireUserVerification: true,
      credential: { id: credentialId, publicKey, counter: signCount },
    });
    return verified ? authenticationInfo.newCounter : 'the signature does not verify';
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * A passkey's COSE key as SubjectPublicKeyInfo in base64; null for other than P-256 and Ed25519, which are what an
 * approver's key may be.
 */
export async function spkiOf(publicKey: Uint8Array): Promise<string | null> {
  const { cose, decodeCredentialPublicKey } = await import('@simplewebauthn/server/helpers');
  const key = decodeCredentialPublicKey(Uint8Array.from(publicKey));
  const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('base64url');
  const jwk = (() => {
    if (cose.isCOSEPublicKeyEC2(key) && key.get(cose.COSEKEYS.crv) === cose.COSECRV.P256) {
      const [x, y] = [text(key.get(cose.COSEKEYS.x)), text(key.get(cose.COSEKEYS.y))];
      return { kty: 'EC', crv: 'P-256', x, y };
    }
    if (cose.isCOSEPublicKeyOKP(key) && key.get(cose.COSEKEYS.crv) === cose.COSECRV.ED25519) {
      return { kty: 'OKP', crv: 'Ed25519', x: text(key.get(cose.COSEKEYS.x)) };
    }
    return null;
  })();
  if (jwk === null) return null;
  const made = createPublicKey({ key: jwk, format: 'jwk' });
  return made.export({ format: 'der', type: 'spki' }).toString('base64');
}
