import type { Address, Hex } from '../kernel/index.ts';
import type { Block, BlockHeader, Receipt, TransactionOnChain, TransferLog } from './port.ts';

// A node's answers to our types. Every function throws RangeError on what does not have its form.

export function orNull<T>(read: (value: unknown) => T): (value: unknown) => T | null {
  return (value) => (value === null ? null : read(value));
}

export function quantity(value: unknown): bigint {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{1,64}$/.test(value))
    throw malformed('a quantity', value);
  return BigInt(value);
}

export function height(value: unknown): number {
  const number = Number(quantity(value));
  if (!Number.isSafeInteger(number)) throw malformed('a safe integer', value);
  return number;
}

/** The 32-byte word that a call of a view returned. '0x', the answer of no code, is none. */
export function word(value: unknown): bigint {
  const text = bytes(value);
  if (text.length < 66) throw malformed('a word of 32 bytes', value);
  return BigInt(text.slice(0, 66));
}

export function uint8(value: unknown): number {
  const number = word(value);
  if (number > 255n) throw malformed('a uint8', value);
  return Number(number);
}

export function bytes(value: unknown): Hex {
  if (typeof value !== 'string' || !/^0x(?:[0-9a-fA-F]{2})*$/.test(value))
    throw malformed('bytes', value);
  return value.toLowerCase() as Hex;
}

function hash(value: unknown): Hex {
  const text = bytes(value);
  if (text.length !== 66) throw malformed('a hash', value);
  return text;
}

function address(value: unknown): Address {
  const text = bytes(value);
  if (text.length !== 42) throw malformed('an address', value);
  return text;
}

export function header(value: unknown): BlockHeader {
  const block = record(value);
  return {
    number: height(block['number']),
    hash: hash(block['hash']),
    parentHash: hash(block['parentHash']),
    timestamp: height(block['timestamp']),
    baseFeePerGas: absent(block['baseFeePerGas']) ? null : quantity(block['baseFeePerGas']),
  };
}

export function block(value: unknown): Block {
  return { ...header(value), transactions: list(record(value)['transactions']).map(hash) };
}

export function blockTransactions(value: unknown): {
  hash: Hex;
  transactions: TransactionOnChain[];
} {
  const transactions = list(record(value)['transactions']).map(transaction);
  return { hash: header(value).hash, transactions };
}

export function receipt(value: unknown): Receipt | null {
  const fields = record(value);
  // Some nodes show a receipt of a transaction that still waits in the pool.
  if (absent(fields['blockHash'])) return null;
  const status = quantity(fields['status']);
  if (status > 1n) throw malformed('a status', fields['status']);
  return {
    transactionHash: hash(fields['transactionHash']),
    blockNumber: height(fields['blockNumber']),
    blockHash: hash(fields['blockHash']),
    status: status === 1n ? 'success' : 'reverted',
    gasUsed: quantity(fields['gasUsed']),
    effectiveGasPrice: quantity(fields['effectiveGasPrice']),
    l1Fee: absent(fields['l1Fee']) ? 0n : quantity(fields['l1Fee']),
    from: address(fields['from']),
    to: absent(fields['to']) ? null : address(fields['to']),
    logs: list(fields['logs']).map((entry) => log(record(entry))),
  };
}

function log(fields: Record<string, unknown>): Receipt['logs'][number] {
  return {
    address: address(fields['address']),
    topics: list(fields['topics']).map(hash),
    data: bytes(fields['data']),
  };
}

export function transferLogs(value: unknown): TransferLog[] {
  return list(value).map((entry) => {
    const fields = record(entry);
    // Of a block that left the chain while the node answered.
    if (fields['removed'] === true) throw new RangeError('a log was removed, the node moved');
    return {
      transactionHash: hash(fields['transactionHash']),
      blockNumber: height(fields['blockNumber']),
      blockHash: hash(fields['blockHash']),
      logIndex: height(fields['logIndex']),
      ...log(fields),
    };
  });
}

export function transaction(value: unknown): TransactionOnChain {
  const fields = record(value);
  const mined = !absent(fields['blockHash']);
  return {
    hash: hash(fields['hash']),
    from: address(fields['from']),
    nonce: quantity(fields['nonce']),
    to: absent(fields['to']) ? null : address(fields['to']),
    value: quantity(fields['value']),
    data: bytes(fields['input']),
    blockNumber: mined ? height(fields['blockNumber']) : null,
    blockHash: mined ? hash(fields['blockHash']) : null,
  };
}

/** eth_feeHistory: the base fee of the block after the last one, and the tips of blocks that were not empty. */
export function feeHistory(value: unknown): { nextBaseFee: bigint | null; tips: bigint[][] } {
  const fields = record(value);
  const ratios = list(fields['gasUsedRatio']);
  const baseFees = absent(fields['baseFeePerGas']) ? [] : list(fields['baseFeePerGas']);
  const rewards = absent(fields['reward']) ? [] : list(fields['reward']);
  return {
    nextBaseFee: baseFees.length === ratios.length + 1 ? quantity(baseFees.at(-1)) : null,
    tips: rewards.filter((_, at) => ratios[at] !== 0).map((tips) => list(tips).map(quantity)),
  };
}

function absent(value: unknown): boolean {
  return value === null || value === undefined;
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw malformed('an object', value);
  return value as Record<string, unknown>;
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw malformed('a list', value);
  return value;
}

function malformed(expected: string, value: unknown): RangeError {
  return new RangeError(`expected ${expected}, got ${String(JSON.stringify(value)).slice(0, 80)}`);
}
