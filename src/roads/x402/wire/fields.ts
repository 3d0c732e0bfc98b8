import { type Address, type Hex, MAX_UINT256, parseAddress } from '../../../base/kernel/index.ts';
import type { Reason } from './reasons.ts';

/** What a member of a request has to be, and is not. */
export class Fault extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export type Fields = Readonly<Record<string, unknown>>;

const ADDRESS = '0x and 40 hex digits';
const NUMBER = 'a decimal string of a uint256, without leading zeros';

export function fieldsOf(value: unknown, at: string): Fields {
  const fields = optional(value);
  if (fields === undefined) throw new Fault('invalid_payload', `${at}: an object`);
  return fields;
}

export function optional(value: unknown): Fields | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Fields;
}

export function addressOf(value: unknown, at: string): Address {
  const address = typeof value === 'string' ? parseAddress(value) : 'syntax';
  if (address !== 'syntax' && address !== 'checksum') return address;
  // Payers' libraries differ in case; one whose checksum is wrong was mistyped.
  throw new Fault('invalid_payload', `${at}: ${ADDRESS}, with the right checksum when mixed case`);
}

export function numberOf(value: unknown, at: string): bigint {
  if (typeof value === 'string' && /^(0|[1-9][0-9]{0,77})$/.test(value)) {
    const number = BigInt(value);
    if (number <= MAX_UINT256) return number;
  }
  throw new Fault('invalid_payload', `${at}: ${NUMBER}`);
}

export function bytesOf(
  value: unknown,
  at: string,
  { from, to }: { from: number; to: number },
): Hex {
  if (typeof value === 'string' && /^0x([0-9a-fA-F]{2})*$/.test(value)) {
    const length = value.length / 2 - 1;
    if (length >= from && length <= to) return value.toLowerCase() as Hex;
  }
  const size = from === to ? `${from} bytes` : `${from} to ${to} bytes`;
  throw new Fault('invalid_payload', `${at}: 0x and ${size} of hex`);
}
