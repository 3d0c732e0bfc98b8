/**
 * The pure door of the room: the header of an audit block, its signed bytes and how a signature is checked. The
 * signer imports nothing else of it.
 */
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import canonicalize from 'canonicalize';
import { fromHex, type Hex, toHex } from '../../base/kernel/index.ts';

/** What an audit block says of itself: the signer signs this and nothing that it was given ready-made. */
export type AuditHeader = {
  installationId: string;
  height: bigint;
  /** auditHash of the header before; zeros for the first. */
  previous: Hex;
  /** Rows whose ids lie in [from, to). */
  from: string;
  to: string;
  /** Table to number of rows, in the order of the leaves. */
  rows: Record<string, number>;
  merkleRoot: Hex;
  /** The signer's journal as far as it was handed over. */
  journal: { height: bigint; hash: Hex };
  sealedAt: Date;
};

/** Where a chain of blocks begins. */
export const NO_HEADER: Hex = `0x${'00'.repeat(32)}`;

/**
 * The bytes that are signed and hashed: RFC 8785 JSON that begins with {"domain":"payonce audit root". No transaction
 * and no other thing that is signed here begins so, and the key is of another kind (Ed25519) than any wallet's.
 */
export function auditMessage(header: AuditHeader): Buffer {
  const { installationId, height, previous, from, to, rows, merkleRoot, journal, sealedAt } =
    header;
  const text = canonicalize({
    domain: 'payonce audit root',
    from,
    height: height.toString(),
    installation: installationId,
    journal: { hash: journal.hash, height: journal.height.toString() },
    merkleRoot,
    previous,
    rows: Object.entries(rows),
    sealedAt: sealedAt.toISOString(),
    to,
    version: 1,
  });
  return Buffer.from(text!, 'utf8');
}

/** What the next header calls `previous`, and an anchor keeps. */
export function auditHash(header: AuditHeader): Hex {
  return toHex(hash('sha256', auditMessage(header), 'buffer'));
}

const DER_HEAD = Buffer.from('302a300506032b6570032100', 'hex');

/** Raw Ed25519 keys, as they stand in configuration and rows. */
export function auditPublicKey(raw: Hex): KeyObject {
  return createPublicKey({
    key: Buffer.concat([DER_HEAD, fromHex(raw)]),
    format: 'der',
    type: 'spki',
  });
}

export function rawPublicKey(key: KeyObject): Hex {
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return toHex(der.subarray(DER_HEAD.length));
}

export function isAuditSignature(header: AuditHeader, publicKey: Hex, signature: Buffer): boolean {
  return verify(null, auditMessage(header), auditPublicKey(publicKey), signature);
}
