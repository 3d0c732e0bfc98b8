import { type Address, TRANSFER_TOPIC } from '../../../src/base/kernel/index.ts';
import type { Road } from './road.ts';
import { TOKEN } from './surroundings.ts';

/** A recipient of a test's own: no two numbers give the same address. */
export function recipient(n: number): Address {
  return `0x${(0xfee0_0000_0000n + BigInt(n)).toString(16).padStart(40, 'b')}`;
}

/**
 * What has arrived at each recipient on the canonical chain, payment by payment, read from its blocks: of the
 * token by its logs, of the coin by successful transactions from anybody with a value.
 */
export function paymentsOn(road: Road): Map<Address, bigint[]> {
  const paid = new Map<Address, bigint[]>();
  const add = (to: Address, amount: bigint) => paid.set(to, [...(paid.get(to) ?? []), amount]);
  for (let height = 0; height <= road.chain.height; height += 1) {
    for (const hash of road.chain.block(height)!.transactions) {
      const { value, to } = road.chain.transaction(hash)!;
      const { status, logs } = road.chain.receipt(hash)!;
      if (status === 'success' && value > 0n) add(to, value);
      for (const { address, topics, data } of logs) {
        if (address !== TOKEN || topics[0] !== TRANSFER_TOPIC) continue;
        add(`0x${topics[2]!.slice(26)}`, BigInt(data));
      }
    }
  }
  return paid;
}
