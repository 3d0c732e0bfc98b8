import { hash, type KeyObject, verify } from 'node:crypto';
import { type Refusal, type RefusalCode, refuse } from '../../../base/kernel/index.ts';
import { type InnerList, readBytes, readInnerLists, writeInnerList } from './fields.ts';

/** What of a request is signed; a Fastify request is one. */
export type SignedRequest = {
  method: string;
  headers: { [name: string]: string | string[] | undefined };
  protocol: string;
  host: string;
  originalUrl: string;
};

type Signer = { keyId: string; publicKey: KeyObject; required: boolean };

/** A signature that is good for these headers; body, age and nonce are judged when the body is there. */
export type Signed = {
  /** SHA-256 that the body must have; null: the request has none. */
  digest: Buffer | null;
  nonce: string;
  /** Seconds since the epoch. */
  created: number;
  expires: number | null;
};

const MOST_NONCE = 128;

/**
 * Judges the signature of a request (RFC 9421, Ed25519) by its headers; null: there is none, and none is required.
 * It must cover the method, the target, the digest of a body (RFC 9530) and the idempotency key where they are, and
 * carry created, nonce, keyid and alg. Pure.
 */
export function judgeSignature(request: SignedRequest, signer: Signer): Signed | Refusal | null {
  const input = header(request, 'signature-input');
  const signature = header(request, 'signature');
  if (input === undefined && signature === undefined) {
    return signer.required
      ? refuse('signature_required', 'The key takes signed requests only; this one is not signed.')
      : null;
  }
  const lists = readInnerLists(input ?? '');
  const signatures = readBytes(signature ?? '');
  if (lists === null) return no('signature_malformed', 'Signature-Input can not be read');
  if (signatures === null) return no('signature_malformed', 'Signature can not be read');
  const named = [...lists].find(([, list]) => list.parameters.get('keyid')?.value === signer.keyId);
  if (named === undefined) {
    return no('signature_invalid', `no signature has the keyid ${signer.keyId}, the id of the key`);
  }
  const [label, list] = named;
  const bytes = signatures.get(label);
  if (bytes === undefined) return no('signature_malformed', `Signature has no ${label}`);
  const read = readParameters(list);
  if ('refused' in read) return read;
  const digest = readDigest(request, list);
  if (digest !== null && 'refused' in digest) return digest;
  const base = signatureBase(request, list);
  if (typeof base !== 'string') return base;
  // Header values are bytes that Node shows as latin1.
  if (!verify(null, Buffer.from(base, 'latin1'), signer.publicKey, bytes)) {
    const covered = list.components.map(({ name }) => name).join(', ');
    return no('signature_invalid', `it is not the key's over ${covered} as they came`);
  }
  return { ...read, digest };
}

/** True when the bytes of the body, undefined without one, are those that were signed. */
export function isSignedBody({ digest }: Signed, sha256: Buffer | undefined): boolean {
  if (digest === null) return sha256 === undefined;
  return digest.equals(sha256 ?? hash('sha256', '', 'buffer'));
}

function readParameters({ parameters }: InnerList): Omit<Signed, 'digest'> | Refusal {
  const lacking = ['created', 'nonce', 'alg'].filter((name) => !parameters.has(name));
  if (lacking.length > 0) return no('signature_incomplete', `it has no ${lacking.join(', ')}`);
  const value = (name: string) => parameters.get(name)?.value;
  const [alg, created, nonce, expires = null] = ['alg', 'created', 'nonce', 'expires'].map(value);
  if (alg !== 'ed25519') return no('signature_invalid', `its alg is not ed25519`);
  if (typeof nonce !== 'string' || nonce.length < 1 || nonce.length > MOST_NONCE) {
    return no('signature_malformed', `its nonce is not a string of 1 to ${MOST_NONCE} characters`);
  }
  const isTime = (time: unknown): time is number =>
    typeof time === 'number' && time >= 0 && time < 1e11;
  if (!isTime(created) || !(expires === null || isTime(expires))) {
    return no('signature_malformed', 'created and expires are seconds since 1970');
  }
  return { created, nonce, expires };
}

/** Who gets at the request on its way must be able to change nothing that matters. */
function readDigest(request: SignedRequest, list: InnerList): Buffer | Refusal | null {
  const covered = new Set(list.components.map(({ name }) => name));
  if (covered.size < list.components.length) {
    return no('signature_malformed', 'it covers a component twice');
  }
  const lacking: string[] = [];
  if (!covered.has('@method')) lacking.push('@method');
  if (!covered.has('@target-uri') && !(covered.has('@path') && covered.has('@query'))) {
    lacking.push('@target-uri (or @path and @query)');
  }
  if (header(request, 'idempotency-key') !== undefined && !covered.has('idempotency-key')) {
    lacking.push('idempotency-key');
  }
  const hasBody =
    (header(request, 'content-length') ?? '0') !== '0' ||
    header(request, 'transfer-encoding') !== undefined;
  if (hasBody && !covered.has('content-digest')) lacking.push('content-digest');
  if (lacking.length > 0) {
    return no('signature_incomplete', `it does not cover ${lacking.join(', ')}`);
  }
  if (!covered.has('content-digest')) return null;
  const digest = readBytes(header(request, 'content-digest') ?? '')?.get('sha-256');
  if (digest?.length === 32) return digest;
  return no('digest_mismatch', 'Content-Digest has no sha-256 that can be read');
}

/** What is signed; exported for the examples of the standard. */
export function signatureBase(request: SignedRequest, list: InnerList): string | Refusal {
  const lines: string[] = [];
  for (const { name, raw, plain } of list.components) {
    const value = plain ? componentOf(request, name) : undefined;
    if (value === undefined) {
      return no('signature_incomplete', `it covers ${raw}, which is not there or not supported`);
    }
    lines.push(`${raw}: ${value}`);
  }
  return [...lines, `"@signature-params": ${writeInnerList(list)}`].join('\n');
}

function componentOf(request: SignedRequest, name: string): string | undefined {
  const at = request.originalUrl.indexOf('?');
  switch (name) {
    case '@method':
      return request.method;
    case '@target-uri':
      return `${request.protocol}://${request.host.toLowerCase()}${request.originalUrl}`;
    case '@authority':
      return request.host.toLowerCase();
    case '@path':
      return at < 0 ? request.originalUrl : request.originalUrl.slice(0, at);
    case '@query':
      return at < 0 ? '?' : request.originalUrl.slice(at);
    default:
      return name.startsWith('@') || name !== name.toLowerCase()
        ? undefined
        : header(request, name);
  }
}

function header(request: SignedRequest, name: string): string | undefined {
  const value = Object.hasOwn(request.headers, name) ? request.headers[name] : undefined;
  return Array.isArray(value) ? value.join(', ') : value?.trim();
}

function no(code: RefusalCode, why: string): Refusal {
  return refuse(code, `The signature of the request is not taken: ${why}.`);
}
