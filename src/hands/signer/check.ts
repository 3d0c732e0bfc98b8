import {
  type Effect,
  effectGasCap,
  FILLER_GAS_LIMIT,
  fillerFeeCap,
  fillerOf,
} from '../../base/effect/index.ts';
import { caip19, type Hex, ZERO_ADDRESS } from '../../base/kernel/index.ts';
import { type ApprovalRefusal, checkApprovals, requirementOf } from './approvals/check.ts';
import { checkAuthorized } from './authorized/check.ts';
import { closingIntent, compose, type Order, rebuildIntent, type Signing } from './grammar.ts';
import { checkCaps, type LimitRefusal, spendsOf } from './limits/spends.ts';
import { checkMove, checkTopUpLimit, moveKindOf, topUpsADay } from './moves/check.ts';
import { laneKey, type SigningRules } from './rules.ts';

export type RefusalReason =
  | 'chain_unknown'
  | 'lane_unknown'
  | 'slot_mismatch'
  | 'tenant_mismatch'
  | 'lane_epoch_stale'
  | 'lane_epoch_unknown'
  | 'fee_above_cap'
  | 'gas_limit_out_of_range'
  | 'intent_mismatch'
  | 'asset_unknown'
  | 'asset_mismatch'
  | 'recipient_refused'
  | 'effect_mismatch'
  | 'decision_missing'
  | 'decision_denied'
  | 'decision_mismatch'
  | 'policy_version_mismatch'
  | 'policy_superseded'
  | 'tier_exceeded'
  | 'authorization_refused'
  | 'move_refused'
  | 'top_up_limit'
  | 'intent_on_another_slot'
  | 'slot_of_another_intent'
  | 'effect_changed'
  | 'request_changed'
  | ApprovalRefusal['code']
  | LimitRefusal['code'];

/** `field`: of the payment, that is not as it was approved. */
export type SigningRefusal = { code: RefusalReason; message: string; field?: string };

type Verdict =
  | { kind: 'ok'; signing: Signing }
  | ({ kind: 'refusal' } & SigningRefusal)
  /** Not now: a refusal would close the slot for a reason that passes. */
  | { kind: 'wait'; message: string };

/** What the journal remembers of an order's lane and intent. */
type Remembered = {
  /** The lowest nonce that was first signed for under an epoch newer than the order's; null: none. */
  newerFrom: bigint | null;
  /** An effect of this intent was signed before, so this is a replacement of it. */
  effectSigned: boolean;
  /** Top-ups from the order's wallet that began in the last 24 hours. */
  topUps: number;
  /** By this signer's clock; null: no order of the batch has an expiry that is judged here. */
  time: { ms: number } | { fault: string } | null;
};

/** Judges one order by the rules. Pure; the journal has the last word on slots. */
export function check(rules: SigningRules, order: Order, remembered: Remembered): Verdict {
  if (order.chainHalted !== null) {
    return { kind: 'wait', message: `chain ${order.slot.chainId} is halted: ${order.chainHalted}` };
  }
  const refusal = checkSlot(rules, order) ?? checkFees(rules, order);
  if (refusal !== null) return { kind: 'refusal', ...refusal };
  const rebuilt = rebuildIntent(order);
  const sound = rebuilt !== null && rebuilt.intentId === order.tx.intentId ? rebuilt : null;
  if (order.kind === 'filler') {
    // Always allowed within its caps, whatever the epoch: it pays nobody, and a slot that can not be
    // used must never block its lane.
    const bound = sound === null ? closingIntent(order.slot) : boundBy(sound, false, null);
    return composed(rules, order, { bound, effect: fillerOf(order.slot.from) });
  }
  // Claimed before the freeze, and nothing of it was signed: it begins when the freeze is lifted.
  if (order.frozen !== null && !remembered.effectSigned) {
    return { kind: 'wait', message: `frozen by an operator (${order.frozen})` };
  }
  if (sound === null) {
    return refuse('intent_mismatch', `intent ${order.tx.intentId} is not what its parts give`);
  }
  const more =
    checkEpoch(order, remembered) ??
    checkAuthorized(rules, order) ??
    checkMove(rules, order) ??
    checkEffectRow(rules, order, sound) ??
    // Policy is judged for a slot's first attempt; a replacement is the same effect on the same slot.
    (remembered.effectSigned ? null : checkFirst(rules, order, remembered));
  if (more !== null) return { kind: 'refusal', ...more };
  const unapproved = judgeApprovals(rules, order, remembered);
  if (unapproved !== null) return unapproved;
  const first = !remembered.effectSigned;
  const bound = boundBy(sound, first, first ? topUpsADay(rules, order) : null);
  return composed(rules, order, { bound, effect: sound.effect });
}

/** What is signed, unless a slot's first attempt can take more than one transaction may. */
function composed(
  rules: SigningRules,
  order: Order,
  { bound, effect }: { bound: ReturnType<typeof boundBy>; effect: Effect },
): Verdict {
  const { keyId } = rules.lanes.get(laneKey(order.slot.chainId, order.slot.from))!;
  const signing = compose(order, keyId, bound, effect);
  const spends = spendsOf(rules, order, { maxSpend: signing.maxSpend, value: effect.value });
  const refusal = bound.firstEffect ? checkCaps(rules, spends) : null;
  return refusal === null
    ? { kind: 'ok', signing: { ...signing, spends } }
    : { kind: 'refusal', ...refusal };
}

/** Last, since it is the dearest; waits while it is not known what time it is. */
function judgeApprovals(
  rules: SigningRules,
  order: Order,
  { effectSigned, time }: Remembered,
): Verdict | null {
  if (requirementOf(rules, order) === null) return null;
  if (time === null || 'fault' in time) {
    return { kind: 'wait', message: time?.fault ?? 'nobody has looked at the clock' };
  }
  const refusal = checkApprovals(rules, order, { first: !effectSigned, nowMs: time.ms });
  return refusal === null ? null : { kind: 'refusal', ...refusal };
}

function boundBy(
  { intentId, digest: effectDigest }: { intentId: Hex; digest: Hex },
  firstEffect: boolean,
  dayLimit: number | null,
) {
  return { intentId, effectDigest, firstEffect, dayLimit };
}

function checkSlot(rules: SigningRules, order: Order): SigningRefusal | null {
  const { slot, lane, tx } = order;
  if (!rules.chains.has(slot.chainId)) {
    return no('chain_unknown', `chain ${slot.chainId} is not configured`);
  }
  const configured = rules.lanes.get(laneKey(slot.chainId, slot.from));
  if (configured === undefined) {
    return no('lane_unknown', `${slot.from} on chain ${slot.chainId} is no configured lane`);
  }
  if (slot.txId !== order.txId) return no('slot_mismatch', 'the slot belongs to another tx');
  if (tx.chainId !== slot.chainId || lane.chainId !== slot.chainId || lane.address !== slot.from) {
    return no('slot_mismatch', 'tx, slot and lane name different chains or addresses');
  }
  if (slot.nonce < 0n || slot.nonce > BigInt(Number.MAX_SAFE_INTEGER)) {
    return no('slot_mismatch', `${slot.nonce} is no nonce`);
  }
  if (configured.tenant !== tx.tenant || lane.tenantId !== tx.tenantId) {
    return no(
      'tenant_mismatch',
      `the lane is of tenant ${configured.tenant}, the tx of ${tx.tenant}`,
    );
  }
  return null;
}

function checkFees(rules: SigningRules, order: Order): SigningRefusal | null {
  const filler = order.kind === 'filler';
  const cap = rules.chains.get(order.slot.chainId)!.maxFeePerGas;
  const highest = filler ? fillerFeeCap(cap) : cap;
  const { maxFeePerGas, maxPriorityFeePerGas, gasLimit } = order;
  if (maxFeePerGas <= 0n || maxFeePerGas > highest) {
    return no('fee_above_cap', `maxFeePerGas is ${maxFeePerGas}, expected 1 to ${highest}`);
  }
  if (maxPriorityFeePerGas < 0n || maxPriorityFeePerGas > maxFeePerGas) {
    return no(
      'fee_above_cap',
      `maxPriorityFeePerGas is ${maxPriorityFeePerGas}, expected 0 to ${maxFeePerGas}`,
    );
  }
  const gasCap = filler ? FILLER_GAS_LIMIT : effectGasCap(order.tx);
  return gasLimit < FILLER_GAS_LIMIT || gasLimit > gasCap
    ? no(
        'gas_limit_out_of_range',
        `gas limit is ${gasLimit}, expected ${FILLER_GAS_LIMIT} to ${gasCap}`,
      )
    : null;
}

/**
 * A slot that was given while its lease held stays good when the lane changes hands, and its nonce lies
 * below all that the next owner gives. Whoever gives nonces after its lease gives them above.
 */
function checkEpoch(order: Order, { newerFrom }: Remembered): SigningRefusal | null {
  const { laneEpoch, lane, slot } = order;
  if (newerFrom !== null && slot.nonce >= newerFrom) {
    return no(
      'lane_epoch_stale',
      `lane epoch is ${laneEpoch}, and a newer one gave nonces from ${newerFrom}`,
    );
  }
  // One order from beyond would make every later one stale.
  return laneEpoch > lane.epoch
    ? no('lane_epoch_unknown', `lane epoch is ${laneEpoch}, the lane stands at ${lane.epoch}`)
    : null;
}

function checkEffectRow(
  rules: SigningRules,
  order: Order,
  rebuilt: { effect: Effect; digest: Hex },
): SigningRefusal | null {
  const { tx, slot } = order;
  const asset = rules.assets.find(tx.asset);
  // The native coin of a top-up, which was checked, need not be one that customers have.
  const topUp = moveKindOf(order) === 'topup';
  if (asset === undefined && !topUp) {
    return no('asset_unknown', `asset ${tx.asset} is not configured`);
  }
  // By its one name: under another one that finds it too, no threshold of approvals would be its own.
  if (tx.asset !== caip19(tx.chainId, tx.token)) {
    return no(
      'asset_mismatch',
      `${tx.asset} is not ${tx.token ?? 'the native coin'} of chain ${tx.chainId}`,
    );
  }
  if (tx.recipient === ZERO_ADDRESS || tx.recipient === tx.token) {
    return no('recipient_refused', `${tx.recipient} can not receive ${tx.asset}`);
  }
  return rebuilt.digest === slot.effectDigest
    ? null
    : no(
        'effect_mismatch',
        `the slot is for effect ${slot.effectDigest}, the intent is ${rebuilt.digest}`,
      );
}

/** Payments are decided on; moves between own wallets are limited by the configuration alone. */
function checkFirst(
  rules: SigningRules,
  order: Order,
  { topUps }: Remembered,
): SigningRefusal | null {
  return moveKindOf(order) === null
    ? checkDecision(rules, order)
    : checkTopUpLimit(rules, order, topUps);
}

function checkDecision(rules: SigningRules, order: Order): SigningRefusal | null {
  const { decision, tx } = order;
  if (decision === null) return no('decision_missing', 'there is no decision');
  if (decision.verdict !== 'allow')
    return no('decision_denied', `the verdict is ${decision.verdict}`);
  if (decision.subjectId !== tx.ownerId || decision.tenantId !== tx.tenantId) {
    return no(
      'decision_mismatch',
      `the decision is about ${decision.subjectId}, not ${tx.ownerId}`,
    );
  }
  if (decision.consumedBy !== order.txId) {
    return no(
      'decision_mismatch',
      `the decision was consumed by ${decision.consumedBy ?? 'nothing'}`,
    );
  }
  if (!decision.byDocument && decision.policyVersion !== rules.policyVersion) {
    return no(
      'policy_version_mismatch',
      `decided by ${decision.policyVersion}, configured is ${rules.policyVersion}`,
    );
  }
  if (!decision.stands) {
    return no('policy_superseded', `a tighter policy came after ${decision.policyVersion}`);
  }
  // A document has tiers of its own; what the configuration's last one covers bounds it here too.
  const tiers = rules.assets
    .find(tx.asset)!
    .tiers.filter(({ name }) => decision.byDocument || name === decision.tier);
  return tiers.every(({ upTo }) => upTo !== null && tx.amount > upTo)
    ? no(
        'tier_exceeded',
        `tier ${decision.tier ?? 'none'} does not cover ${tx.amount} of ${tx.asset}`,
      )
    : null;
}

function no(code: RefusalReason, message: string): SigningRefusal {
  return { code, message };
}

function refuse(code: RefusalReason, message: string): Verdict {
  return { kind: 'refusal', code, message };
}
