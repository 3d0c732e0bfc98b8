import type { OpenStretch } from '../../books/tx/index.ts';

/** What the chain shows of a lane after a block. Wei, and the nonces consumed. */
export type Look = { balance: bigint; nonces: bigint };

/** What a stretch is booked with. `arrived` below zero: it left, and no transaction of ours says why. */
export type Booking = { gasCost: bigint; gasBy: 'balance' | 'receipts'; arrived: bigint };

type Verdict =
  | ({ kind: 'book' } & Booking)
  /** The balance can not say it alone: what each transaction paid must be asked. */
  | { kind: 'receipts' }
  /** The node has not consumed the nonces that are final: it shows another block. */
  | { kind: 'wait' };

type Facts = Pick<
  OpenStretch,
  'fromNonce' | 'toNonce' | 'opening' | 'sent' | 'received' | 'gasLeast' | 'gasMost'
>;

/**
 * The gas of a stretch by the difference of what the lane held, where that lies between the least and the most that
 * its transactions can have paid. An arrival of less than that room is booked as gas not paid: the sum is
 * right, and no receipt was read. Without a balance (the node has the block and not its state) or
 * with more nonces consumed than are ours, the difference says nothing.
 */
export function judgeByBalance(stretch: Facts, look: Look | null): Verdict {
  if (look !== null && look.nonces < stretch.toNonce) return { kind: 'wait' };
  if (stretch.fromNonce === stretch.toNonce) {
    return { kind: 'book', ...judgeByReceipts(stretch, look, 0n) };
  }
  if (look === null || look.nonces > stretch.toNonce) return { kind: 'receipts' };
  const gasCost = stretch.opening - stretch.sent + stretch.received - look.balance;
  return stretch.gasLeast <= gasCost && gasCost <= stretch.gasMost
    ? { kind: 'book', gasCost, gasBy: 'balance', arrived: 0n }
    : { kind: 'receipts' };
}

/** With what the transactions paid for gas known, the rest of the difference arrived, or left unexplained. */
export function judgeByReceipts(stretch: Facts, look: Look | null, gasCost: bigint): Booking {
  const known = look !== null && look.nonces === stretch.toNonce;
  const { opening, sent, received } = stretch;
  const arrived = known ? look.balance - (opening - sent + received - gasCost) : 0n;
  return { gasCost, gasBy: 'receipts', arrived };
}

/**
 * Where to end a stretch of more transactions than may be asked about, so that no block is cut in two: below the
 * block of the first that is too many, or at it, if all lie there. `heights` rise; null: they are few enough.
 */
export function cutAt(heights: readonly number[], limit: number): number | null {
  const beyond = heights[limit];
  if (beyond === undefined) return null;
  return heights[0]! < beyond ? beyond - 1 : beyond;
}
