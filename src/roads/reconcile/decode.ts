import { createHash } from 'node:crypto';

/**
 * What the bytes of a type-2 transaction say, read by a decoder of its own: the encoder's faults would
 * not show if its other half read them.
 */
export type Decoded = {
  chainId: bigint;
  nonce: bigint;
  maxPriorityFeePerGas: bigint;
  maxFeePerGas: bigint;
  gasLimit: bigint;
  to: Buffer;
  value: bigint;
  data: Buffer;
};

type Item = Buffer | Item[];

/** Null where the bytes are not exactly one type-2 transaction with this many fields (9 unsigned, 12 signed). */
export function decodeTransaction(bytes: Buffer, fields: 9 | 12): Decoded | null {
  if (bytes[0] !== 0x02) return null;
  const read = readItem(bytes, 1);
  if (read === null || read.end !== bytes.length || !Array.isArray(read.item)) return null;
  const items = read.item;
  if (items.length !== fields || !items.slice(0, 8).every(Buffer.isBuffer)) return null;
  // An access list is none of ours.
  if (!Array.isArray(items[8]) || items[8].length > 0) return null;
  const [chainId, nonce, tip, maxFee, gas, to, value, data] = items as Buffer[];
  return {
    chainId: integer(chainId!),
    nonce: integer(nonce!),
    maxPriorityFeePerGas: integer(tip!),
    maxFeePerGas: integer(maxFee!),
    gasLimit: integer(gas!),
    to: to!,
    value: integer(value!),
    data: data!,
  };
}

function integer(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
}

function readItem(bytes: Buffer, at: number): { item: Item; end: number } | null {
  const first = bytes[at];
  if (first === undefined) return null;
  if (first < 0x80) return { item: bytes.subarray(at, at + 1), end: at + 1 };
  const list = first >= 0xc0;
  const short = first - (list ? 0xc0 : 0x80);
  const widths = short > 55 ? short - 55 : 0;
  if (widths > 4) return null;
  const start = at + 1 + widths;
  if (start > bytes.length) return null;
  const length = widths === 0 ? short : bytes.readUIntBE(at + 1, widths);
  const end = start + length;
  if (end > bytes.length) return null;
  if (!list) return { item: bytes.subarray(start, end), end };
  const items: Item[] = [];
  for (let next = start; next < end; ) {
    const read = readItem(bytes, next);
    if (read === null || read.end > end) return null;
    items.push(read.item);
    next = read.end;
  }
  return { item: items, end };
}

const TRANSFER = 'a9059cbb';

/** What an ERC-20 transfer(address,uint256) pays; null for any other call. */
export function decodeTransfer(data: Buffer): { recipient: Buffer; amount: bigint } | null {
  if (data.length !== 68 || data.subarray(0, 4).toString('hex') !== TRANSFER) return null;
  if (!data.subarray(4, 16).equals(Buffer.alloc(12))) return null;
  return { recipient: data.subarray(16, 36), amount: integer(data.subarray(36)) };
}

/** Bytes as PostgreSQL reads them out of JSON. */
export function byteaText(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes).toString('hex')}`;
}

export function md5Of(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}
