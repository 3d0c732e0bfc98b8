/** The line by which the signer's configuration pins a passkey, and the proof that the passkey is what it names. */

const P256_SPKI_BYTES = 91;

/**
 * Whether the key (SubjectPublicKeyInfo) signed an assertion: what the server says of a passkey is believed when the
 * authenticator itself has shown it.
 */
export async function isSignedBy(publicKey, { authenticatorData, clientDataJSON, signature }) {
  const isP256 = publicKey.length === P256_SPKI_BYTES;
  const kind = isP256 ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'Ed25519' };
  const key = await crypto.subtle.importKey('spki', publicKey, kind, false, ['verify']);
  const client = await crypto.subtle.digest('SHA-256', clientDataJSON);
  const signed = new Uint8Array(authenticatorData.length + client.byteLength);
  signed.set(authenticatorData);
  signed.set(new Uint8Array(client), authenticatorData.length);
  const how = isP256 ? { name: 'ECDSA', hash: 'SHA-256' } : kind;
  return crypto.subtle.verify(how, key, isP256 ? rsOf(signature) : signature, signed);
}

/** r and s, 32 bytes each, of a DER SEQUENCE of two INTEGERs; WebCrypto takes no other form. */
function rsOf(der) {
  const rs = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1];
    const digits = der.subarray(at + 2, at + 2 + length);
    const start = digits[0] === 0 ? 1 : 0;
    rs.set(digits.subarray(start), end - (digits.length - start));
    at += 2 + length;
  }
  return rs;
}

/** In the YAML of signer.approvers. What the operator asks for, the approver can not approve. */
export function approverLine({ operator, credentialId, publicKey }) {
  const id = operator.name.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 64);
  // JSON's texts are YAML's: nothing in the server's words ends the line.
  const [name, credential, key, initiator] = [id, credentialId, publicKey, operator.id].map(
    (word) => JSON.stringify(word),
  );
  return `- { id: ${name}, kind: webauthn, credentialId: ${credential}, publicKey: ${key}, initiators: [${initiator}] }`;
}
