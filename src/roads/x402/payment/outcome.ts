import type { Hex, Level, PaymentState, SettleAt } from '../../../base/kernel/index.ts';
import { REASONS, type Reason } from '../wire/reasons.ts';
import { awaitsPersons, type PaymentRow } from './rows.ts';

export type Outcome =
  /** Nothing was reserved: whoever has the lease may settle it. */
  | { kind: 'open' }
  /** Reserved, and the chain has not spoken; the hash as soon as something is signed. Or persons have not. */
  | { kind: 'under_way'; txHash: Hex | null }
  /** The hash; null: nothing was charged, so nothing was sent. */
  | { kind: 'paid'; txHash: Hex | null }
  | { kind: 'failed'; reason: Reason; txHash: Hex | null };

const OPEN: readonly PaymentState[] = ['AUTH_SIGNED', 'AUTH_VERIFIED'];
const FAILED: readonly PaymentState[] = ['AUTH_REJECTED', 'CHAIN_FAILED', 'EXPIRED'];

const LEVELS: readonly Level[] = ['none', 'included', 'safe', 'finalized'];

export function atLeast(level: Level, wanted: SettleAt): boolean {
  return LEVELS.indexOf(level) >= LEVELS.indexOf(wanted);
}

export function laterOf(one: SettleAt, other: SettleAt = one): SettleAt {
  return atLeast(other, one) ? other : one;
}

/** How sure the canonical chain is of it now. */
export function levelOf({ paid, head }: Pick<PaymentRow, 'paid' | 'head'>): Level {
  if (paid === null || head === null) return 'none';
  if (paid.blockNumber <= head.finalized) return 'finalized';
  return paid.blockNumber <= head.safe ? 'safe' : 'included';
}

/** What may be said of a payment. Pure: paid is what the canonical chain shows at its level, failed what is final. */
export function outcomeOf(
  row: Pick<
    PaymentRow,
    'status' | 'method' | 'failureCode' | 'decisionId' | 'waitUntil' | 'paid' | 'head' | 'tx'
  >,
): Outcome {
  const txHash = row.paid?.txHash ?? row.tx?.newestHash ?? null;
  if (FAILED.includes(row.status)) {
    const reason = (row.failureCode ?? REASONS[row.method].failed) as Reason;
    return { kind: 'failed', reason, txHash };
  }
  if (awaitsPersons(row)) return { kind: 'under_way', txHash: null };
  if (OPEN.includes(row.status)) return { kind: 'open' };
  if (row.status === 'VOIDED') return { kind: 'paid', txHash: null };
  const sure = row.head !== null && !row.head.halted && atLeast(levelOf(row), row.waitUntil);
  return sure && row.paid !== null
    ? { kind: 'paid', txHash: row.paid.txHash }
    : { kind: 'under_way', txHash };
}

export function hasEnded({ kind }: Outcome): boolean {
  return kind === 'paid' || kind === 'failed';
}
