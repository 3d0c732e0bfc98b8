import { fromHex, type Hex, ZERO_ADDRESS } from '../kernel/index.ts';
import type { OpenCall } from './port.ts';
import type { RpcCall } from './rpc.ts';

/**
 * What contracts/PassEach.yul compiles to: init code that makes each of the calls behind it, undoes it and returns a byte
 * for it, 1 where it went through. An `eth_call` without `to` runs it: nothing is deployed, and no node needs to know it.
 */
export const PASS_EACH: Hex =
  '0x5f602b80605f61100039608a9061100081015b388310601c57835ff35b909192601c9081858439600163ffffffff845160201c169182840187863983838701016110005ff050813d146056575b0194010191906012565b815f823e604c56fe5f80602b80380380918339601c82805192601b19019263ffffffff8160601c9160401c16f15f5360015ffd';

/** Below what a transaction may have since Osaka (EIP-7825), and far below what nodes give a call. */
const MOST_GAS = 16_000_000n;
/** Below the most that init code may have (EIP-3860: 49,152). */
const MOST_BYTES = 48_000;
const CODE_GAS = 100_000n;
/** CREATE, a cold account, and what is copied. */
const EACH_GAS = 45_000n;
/** Of a transaction of its own, and a byte of its data (EIP-2028). */
const TRANSACTION_GAS = 21_000n;
const BYTE_GAS = { zero: 4n, other: 16n } as const;

/** Calls that are made in one, in order; a call that is too large for any company is alone. */
export function gather<One extends OpenCall>(calls: readonly One[]): One[][] {
  const groups: One[][] = [];
  let room = { gas: 0n, bytes: 0 };
  for (const call of calls) {
    const gas = gasBeside(call);
    const bytes = 28 + bytesOf(call);
    if (groups.length === 0 || room.gas < gas || room.bytes < bytes) {
      groups.push([]);
      room = { gas: MOST_GAS - CODE_GAS, bytes: MOST_BYTES };
    }
    groups.at(-1)!.push(call);
    room = { gas: room.gas - gas, bytes: room.bytes - bytes };
  }
  return groups;
}

/** The question that makes these. */
export function callOfAll(calls: readonly OpenCall[]): RpcCall {
  const given = calls.map((call) => {
    const gas = call.gas - intrinsicGas(call.data);
    const header = call.to.slice(2) + word(gas > 0n ? Number(gas) : 0) + word(bytesOf(call));
    return header + call.data.slice(2);
  });
  const gas = calls.reduce((sum, call) => sum + gasBeside(call), CODE_GAS);
  const made = {
    from: ZERO_ADDRESS,
    data: PASS_EACH + given.join(''),
    gas: `0x${gas.toString(16)}`,
  };
  return { method: 'eth_call', params: [made, 'latest'] };
}

/** Which of so many calls went through; none where a node returned something else, since it does not know how to. */
export function verdictsOf(returned: Hex, count: number): boolean[] {
  const bytes = fromHex(returned);
  const known = bytes.length === count && bytes.every((byte) => byte <= 1);
  return Array.from({ length: count }, (_, index) => known && bytes[index] === 1);
}

/** What a call may take with all that is around it; each of two frames keeps a 64th back. */
function gasBeside(call: OpenCall): bigint {
  return call.gas + call.gas / 16n + EACH_GAS + BYTE_GAS.other * BigInt(bytesOf(call));
}

/** What its own transaction would take before its first step: among others a call does not pay it. */
function intrinsicGas(data: Hex): bigint {
  const bytes = fromHex(data);
  let zeros = 0;
  for (const byte of bytes) if (byte === 0) zeros += 1;
  const others = bytes.length - zeros;
  return TRANSACTION_GAS + BYTE_GAS.zero * BigInt(zeros) + BYTE_GAS.other * BigInt(others);
}

function bytesOf({ data }: OpenCall): number {
  return data.length / 2 - 1;
}

function word(value: number): string {
  return value.toString(16).padStart(8, '0');
}
