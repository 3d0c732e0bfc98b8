import type { FeeSettings } from '../../../base/config/index.ts';
import { formatAmount, type Level, type Refusal, refuse } from '../../../base/kernel/index.ts';
import type { SlotBids } from '../../../books/tx/index.ts';
import { raised } from '../../../hands/broadcaster/index.ts';
import type { PublicStatus } from '../types.ts';

export type SpeedUpFacts = {
  status: PublicStatus;
  /** Its transaction is under way: it has a slot and its owner is not at an end. */
  underWay: boolean;
  level: Level;
  blockNumber: bigint | null;
  bids: Pick<SlotBids, 'maxFeePerGas' | 'consumed' | 'fillReason'> | null;
  /** Some attempt left for a node. */
  sent: boolean;
  chain: {
    fees: Pick<FeeSettings, 'maxFeePerGas' | 'minPriorityFeePerGas'>;
    /** Of the newest block that we have walked; null: not known, or the chain has none. */
    baseFeePerGas: bigint | null;
    halted: string | null;
  };
};

/** Why a transaction can not bid more now, or not what the client wishes, wei a gas; null: it can. */
export function decideSpeedUp(facts: SpeedUpFacts, wished: bigint | null): Refusal | null {
  const { status, bids, chain, level } = facts;
  if (!facts.underWay && isOver(status)) {
    return no('ended', `The withdrawal is ${status}; it has ended.`);
  }
  if (bids?.fillReason != null) {
    return no('cancelling', `The withdrawal is ${status} and its nonce is being closed.`);
  }
  if (level !== 'none' || bids?.consumed === true) {
    const where = facts.blockNumber === null ? 'a block' : `block ${facts.blockNumber}`;
    return no('mined', `The withdrawal is ${status}: ${where} holds it.`);
  }
  if (!facts.underWay || bids === null || !facts.sent) {
    return no('not_sent', `The withdrawal is ${status}; nothing was sent to the chain yet.`);
  }
  if (chain.halted !== null) {
    return no('chain_halted', 'Nothing is signed on the chain until an operator has looked.');
  }
  return refuseBid(bids.maxFeePerGas, chain, wished);
}

function refuseBid(
  before: bigint,
  { fees, baseFeePerGas }: SpeedUpFacts['chain'],
  wished: bigint | null,
): Refusal | null {
  const cap = fees.maxFeePerGas;
  const least = raised(before);
  const taken = (baseFeePerGas ?? 0n) + fees.minPriorityFeePerGas;
  if (least > cap) {
    return no(
      'at_cap',
      `It bids ${gwei(before)}; an eighth more is above the chain's cap of ${gwei(cap)}.`,
    );
  }
  if (taken > cap) {
    return no(
      'cap_below_base_fee',
      `Base fee and least tip are ${gwei(taken)}, above the chain's cap of ${gwei(cap)}.`,
    );
  }
  if (wished === null) return null;
  if (wished > cap) {
    return no('above_cap', `maxFeePerGasGwei is above the chain's cap of ${gwei(cap)}.`);
  }
  if (wished < least) {
    return no(
      'too_low',
      `It bids ${gwei(before)}; nodes replace it from ${gwei(least)} on, an eighth more.`,
    );
  }
  return wished < taken
    ? no(
        'below_base_fee',
        `Base fee and least tip are ${gwei(taken)}; a lower maxFeePerGasGwei is not mined.`,
      )
    : null;
}

function isOver(status: PublicStatus): boolean {
  return ['COMPLETED', 'RESETTLED', 'REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED'].includes(status);
}

const gwei = (wei: bigint) => `${formatAmount(wei, 9)} gwei`;

function no(reason: string, detail: string): Refusal {
  return refuse('not_replaceable', detail, { members: { reason } });
}
