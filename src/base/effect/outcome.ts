import type { Address, Hex } from '../kernel/index.ts';
import type { Intent } from './effect.ts';

/** What the check needs of a receipt; hex in lower case. */
export type Mined = {
  status: 'success' | 'reverted';
  from: Address;
  to: Address | null;
  logs: readonly { address: Address; topics: readonly Hex[]; data: Hex }[];
};

/** keccak256("Transfer(address,address,uint256)") */
export const TRANSFER_TOPIC: Hex =
  '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';

/**
 * Whether a mined transaction of lane `from` did what the intent wants. A token transfer is paid when
 * the token's own Transfer logs say that exactly the amount left the lane and that all of it went to
 * the recipient: less (a fee taken on the way) and more (a fee taken from the sender) are a mismatch, and
 * so is a token that answers false and logs nothing. The native coin leaves no log: success of a
 * call from the lane to the recipient is the payment, its value is fixed by the hash.
 */
export function checkEffect(
  intent: Intent & { from: Address },
  mined: Mined,
): 'paid' | 'reverted' | 'mismatch' {
  if (mined.from !== intent.from) return 'mismatch';
  if (mined.to !== (intent.token ?? intent.recipient)) return 'mismatch';
  if (mined.status === 'reverted') return 'reverted';
  if (intent.token === null) return 'paid';
  let left = 0n;
  let arrived = 0n;
  for (const log of mined.logs) {
    if (log.address !== intent.token || log.topics[0] !== TRANSFER_TOPIC) continue;
    if (log.topics.length !== 3 || log.data.length !== 66) return 'mismatch';
    if (addressOf(log.topics[1]!) !== intent.from) continue;
    const amount = BigInt(log.data);
    left += amount;
    if (addressOf(log.topics[2]!) === intent.recipient) arrived += amount;
  }
  return left === intent.amount && arrived === intent.amount ? 'paid' : 'mismatch';
}

function addressOf(topic: Hex): Address {
  return `0x${topic.slice(26)}`;
}
