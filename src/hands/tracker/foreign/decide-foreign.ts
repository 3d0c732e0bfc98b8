import type { Receipt, TransactionOnChain } from '../../../base/chain/index.ts';
import { type Address, TRANSFER_TOPIC } from '../../../base/kernel/index.ts';
import type { SlotIntent } from '../../../books/tx/index.ts';

/** As evidence; a transaction that moves a hundred tokens is told by the first of them. */
const MOVEMENTS_TOLD = 20;

type Moved = { token: Address; to: Address; amount: bigint };

/**
 * What a transaction did that used a nonce of a lane and is none of ours. It seems to pay the slot's intent when
 * the intent's recipient got anything of its asset: more than the exact amount is asked of our own bytes,
 * less of somebody else's, since what may be paid must not be released.
 */
export function judgeForeign(
  lane: Address,
  intent: SlotIntent | null,
  shown: Pick<TransactionOnChain, 'to' | 'value' | 'data'>,
  receipt: Pick<Receipt, 'status' | 'logs'>,
): { paysIntent: boolean; did: Record<string, unknown> } {
  const succeeded = receipt.status === 'success';
  const moved = succeeded ? movedFrom(lane, receipt) : [];
  const paysIntent =
    intent !== null &&
    succeeded &&
    (intent.token === null
      ? shown.to === intent.recipient && shown.value > 0n
      : moved.some(({ token, to }) => token === intent.token && to === intent.recipient));
  return {
    paysIntent,
    did: {
      succeeded,
      to: shown.to,
      valueWei: shown.value.toString(),
      // The selector; nothing of a plain transfer.
      call: shown.data === '0x' ? null : shown.data.slice(0, 10),
      moved: moved
        .slice(0, MOVEMENTS_TOLD)
        .map(({ token, to, amount }) => ({ token, to, amount: amount.toString() })),
    },
  };
}

/** By Transfer logs from the lane, of whatever contract wrote them. */
function movedFrom(lane: Address, { logs }: Pick<Receipt, 'logs'>): Moved[] {
  return logs.flatMap(({ address, topics, data }) => {
    if (topics[0] !== TRANSFER_TOPIC || topics.length !== 3 || data.length !== 66) return [];
    if (`0x${topics[1]!.slice(26)}` !== lane) return [];
    return [{ token: address, to: `0x${topics[2]!.slice(26)}` as Address, amount: BigInt(data) }];
  });
}
