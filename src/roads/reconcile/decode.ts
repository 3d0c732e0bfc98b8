import { createHash } from 'node:crypto';

/**
 * What the bytes of an EIP-1559 or a legacy transaction say, read by a decoder of its own: the encoder's faults would
 * not show if its other half read them.
 */
export type Decoded = {
  txType: 0 | 2;
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

/** Null where the bytes are not exactly one transaction of ours. Of a legacy one both fees are its gas price. */
export function decodeTransaction(bytes: Buffer, form: 'unsigned' | 'signed'): Decoded | null {
  const typed = bytes[0] === 0x02;
  const read = readItem(bytes, typed ? 1 : 0);
  if (read === null || read.end !== bytes.length || !Array.isArray(read.item)) return null;
  return typed ? readTyped(read.item, form) : readLegacy(read.item, form);
}

function readTyped(items: readonly Item[], form: 'unsigned' | 'signed'): Decoded | null {
  if (items.length !== (form === 'signed' ? 12 : 9)) return null;
  if (!items.slice(0, 8).every(Buffer.isBuffer)) return null;
  // An access list is none of ours.
  if (!Array.isArray(items[8]) || items[8].length > 0) return null;
  const [chainId, nonce, tip, maxFee, gas, to, value, data] = items as Buffer[];
  return {
    txType: 2,
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

/** EIP-155: unsigned ends with the chain id and two zeros, signed with v, which holds the chain id, r and s. */
function readLegacy(items: readonly Item[], form: 'unsigned' | 'signed'): Decoded | null {
  if (items.length !== 9 || !items.every(Buffer.isBuffer)) return null;
  const [nonce, gasPrice, gas, to, value, data, seventh, r, s] = items;
  const signed = form === 'signed';
  if (r!.length > 0 !== signed || s!.length > 0 !== signed) return null;
  const v = integer(seventh!);
  if (signed && v < 37n) return null;
  return {
    txType: 0,
    chainId: signed ? (v - 35n) / 2n : v,
    nonce: integer(nonce!),
    maxPriorityFeePerGas: integer(gasPrice!),
    maxFeePerGas: integer(gasPrice!),
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

/** What a call moves: of which token, to whom, how much. */
type Movement = { token: Buffer; recipient: Buffer; amount: bigint };

/** transferWithAuthorization with v, r, s, and with bytes. */
const AUTHORIZED: readonly string[] = ['e3ee160e', 'cf092995'];

/** What an authorized transfer pays, which an ERC-3009 token takes from its payer; null for any other call. */
function decodeAuthorized(data: Buffer): { recipient: Buffer; amount: bigint } | null {
  if (data.length < 260 || !AUTHORIZED.includes(data.subarray(0, 4).toString('hex'))) return null;
  if (!data.subarray(36, 48).equals(Buffer.alloc(12))) return null;
  return { recipient: data.subarray(48, 68), amount: integer(data.subarray(68, 100)) };
}

/** The proxies of x402's `exact` and `upto` in front of Permit2, their settle, and where its words are. */
const PROXIES = new Map([
  [
    '402085c248eea27d92e8b30b2c58ed07f9e20001',
    { settle: '13cd3b53', token: 0, amount: 1, payTo: 5 },
  ],
  [
    '4020a4f3b7b90cca423b9fabcc0ce57c6c240002',
    { settle: 'ff11e7b4', token: 0, amount: 4, payTo: 6 },
  ],
]);
type Settle = NonNullable<ReturnType<typeof PROXIES.get>>;

/** What a proxy takes by its payer's permit; null for any other call. */
function decodeSettled(places: Settle, data: Buffer): Movement | null {
  if (data.length < 292 || data.subarray(0, 4).toString('hex') !== places.settle) return null;
  const at = (place: number) => data.subarray(4 + 32 * place, 36 + 32 * place);
  const [token, amount, payTo] = [at(places.token), at(places.amount), at(places.payTo)];
  const padded = [token, payTo].every((one) => one.subarray(0, 12).equals(Buffer.alloc(12)));
  return padded
    ? { token: token.subarray(12), recipient: payTo.subarray(12), amount: integer(amount) }
    : null;
}

/** What a call pays in a token, by transfer or by its payer's authorization; null for any other call. */
export function decodePayment(to: Buffer, data: Buffer): Movement | null {
  const proxy = PROXIES.get(to.toString('hex'));
  if (proxy !== undefined) return decodeSettled(proxy, data);
  const moved = decodeTransfer(data) ?? decodeAuthorized(data);
  return moved === null ? null : { token: to, ...moved };
}

/** Bytes as PostgreSQL reads them out of JSON. */
export function byteaText(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes).toString('hex')}`;
}

export function md5Of(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}
