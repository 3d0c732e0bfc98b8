import { hash, randomUUID } from 'node:crypto';

export type Hex = `0x${string}`;

/** 0x-prefixed lower-case hex of bytes. */
export function toHex(bytes: Uint8Array): Hex {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`;
}

/** Bytes of 0x-prefixed hex. Throws RangeError on odd length or a character that is not hex. */
export function fromHex(hex: string): Buffer {
  const bytes = Buffer.from(hex.slice(2), 'hex');
  // Decoding ends where a pair of digits is none.
  if (!hex.startsWith('0x') || bytes.length * 2 + 2 !== hex.length) {
    throw new RangeError('not 0x-prefixed hex bytes');
  }
  return bytes;
}

/** Parts behind their lengths, so that ("ab","c") and ("a","bc") differ. In UTF-8, lengths in four bytes. */
export function lengthPrefixed(parts: readonly string[]): Buffer {
  let size = 0;
  for (const part of parts) size += 4 + Buffer.byteLength(part);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const part of parts) {
    const length = bytes.write(part, at + 4);
    bytes.writeUInt32BE(length, at);
    at += 4 + length;
  }
  return bytes;
}

/** The lengths that are one byte in UTF-8, too, as four. */
const LENGTHS = Array.from({ length: 128 }, (_, length) => `\0\0\0${String.fromCharCode(length)}`);

/** As lengthPrefixed has it; what is ASCII, and short, needs no buffer for that. */
function prefixedText(parts: readonly string[]): string | Buffer {
  let text = '';
  for (const part of parts) {
    const length = LENGTHS[part.length];
    if (length === undefined || Buffer.byteLength(part) !== part.length)
      return lengthPrefixed(parts);
    text += length + part;
  }
  return text;
}

/** The first 16 bytes of SHA-256 over length-prefixed parts, in uuid form: the key of what must be single for ever. */
export function keyHash(...parts: readonly string[]): string {
  const hex = hash('sha256', prefixedText(parts), 'hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

export function sha256Hex(text: string): string {
  return hash('sha256', text, 'hex');
}

/** A random id for leases, processes and correlation; not an id of a row. */
export function randomToken(): string {
  // Node draws these in bulk; 16 bytes at a time cost a system call a request.
  return randomUUID().replaceAll('-', '');
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
