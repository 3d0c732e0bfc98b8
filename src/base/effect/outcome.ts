import {
  type Address,
  AUTHORIZATION_USED_TOPIC,
  type Hex,
  TRANSFER_TOPIC,
} from '../kernel/index.ts';
import { unpackAuthorization } from './authorization/authorization.ts';
import { effectOf, type Intent } from './effect.ts';

type Log = { address: Address; topics: readonly Hex[]; data: Hex };

/** What the check needs of a receipt; hex in lower case. */
export type Mined = {
  status: 'success' | 'reverted';
  from: Address;
  to: Address | null;
  logs: readonly Log[];
};

/** Whose tokens an intent moves: the payer's who authorized it, else the lane's. */
export function payerOf(intent: Pick<Intent, 'payerAuthorization'> & { from: Address }): Address {
  const { payerAuthorization: packed } = intent;
  return packed ? unpackAuthorization(packed).payer : intent.from;
}

/**
 * Whether the logs of one mined transaction of lane `from` say that it paid a token's intent: that exactly the
 * amount left who pays (the lane, or the payer of an authorization) and that all of it went to the recipient. Less (a
 * fee taken on the way) and more (a fee taken from the sender) do not. A token that keeps authorizations itself
 * (ERC-3009) has to say besides that this one was used up; Permit2 logs nothing, so there the caller knows that the
 * transaction is the call. Logs of other contracts and of other senders are passed over, so the logs that a node finds
 * by token and sender judge as the whole receipt does; who reverts logs nothing.
 */
export function paidByTransfers(intent: Intent & { from: Address }, logs: readonly Log[]): boolean {
  const { payerAuthorization: packed } = intent;
  const authorization = packed ? unpackAuthorization(packed) : null;
  if (authorization?.method === 'eip3009') {
    if (!logs.some((log) => log.address === intent.token && uses(log, authorization))) return false;
  }
  const payer = authorization?.payer ?? intent.from;
  let left = 0n;
  let arrived = 0n;
  for (const log of logs) {
    const moved = transferOf(log);
    if (log.address !== intent.token || moved?.from !== payer) continue;
    if (moved.amount === null) return false;
    left += moved.amount;
    if (moved.to === intent.recipient) arrived += moved.amount;
  }
  return left === intent.amount && arrived === intent.amount;
}

/**
 * Whether a mined transaction of lane `from` did what the intent wants. A token transfer is paid when
 * its logs say so; a token that answers false and logs nothing has not paid. The native coin leaves no
 * log: success of a call from the lane to the recipient is the payment, its value is fixed by the hash.
 */
export function checkEffect(
  intent: Intent & { from: Address },
  mined: Mined,
): 'paid' | 'reverted' | 'mismatch' {
  if (mined.from !== intent.from) return 'mismatch';
  if (mined.to !== effectOf(intent).to) return 'mismatch';
  if (mined.status === 'reverted') return 'reverted';
  return intent.token === null || paidByTransfers(intent, mined.logs) ? 'paid' : 'mismatch';
}

/**
 * An ERC-20 Transfer log as what it says; null for any other log. A log of that name with more topics or other data
 * than ERC-20 has still names its sender, and no recipient and amount that could be relied on.
 */
export function transferOf(
  log: Log,
):
  | { from: Address; to: Address; amount: bigint }
  | { from: Address; to: null; amount: null }
  | null {
  const [topic, from, to] = log.topics;
  if (topic !== TRANSFER_TOPIC || from === undefined) return null;
  return to === undefined || log.topics.length !== 3 || log.data.length !== 66
    ? { from: addressOf(from), to: null, amount: null }
    : { from: addressOf(from), to: addressOf(to), amount: BigInt(log.data) };
}

function uses({ topics }: Log, { payer, nonce }: { payer: Address; nonce: Hex }): boolean {
  const [topic, authorizer, used] = topics;
  if (topic !== AUTHORIZATION_USED_TOPIC || authorizer === undefined) return false;
  return addressOf(authorizer) === payer && used === nonce;
}

function addressOf(topic: Hex): Address {
  return `0x${topic.slice(26)}`;
}
