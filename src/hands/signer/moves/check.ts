import { type Address, caip19 } from '../../../base/kernel/index.ts';
import type { Order } from '../grammar.ts';
import { laneKey, type SigningRules, treasuryKey } from '../rules.ts';

/** Between a tenant's own wallets; nobody decides on one, the configuration does. */
type MoveKind = 'topup' | 'sweep';

/** Whether its amount leaves our wallets: neither between own ones, nor a payer's own tokens. */
export function leavesUs({ tx }: Pick<Order, 'tx'>): boolean {
  return moveKindOf({ tx }) === null && tx.payerAuthorization === null;
}

type MoveRefusal = { code: 'move_refused' | 'top_up_limit'; message: string };

/** What kind of move the tx says that it is; null: it pays somebody. */
export function moveKindOf({ tx }: Pick<Order, 'tx'>): MoveKind | null {
  return tx.ownerKind === 'topup' || tx.ownerKind === 'sweep' ? tx.ownerKind : null;
}

/**
 * Whether a transaction between a tenant's own wallets is one that this signer's own configuration has: a
 * top-up gives the native coin of the treasury wallet to a lane that is not retired, up to its amount; a sweep gives anything of
 * a lane to the treasury wallet of its chain and tenant. A treasury wallet signs nothing else.
 */
export function checkMove(rules: SigningRules, order: Order): MoveRefusal | null {
  const { tx, slot } = order;
  const kind = moveKindOf(order);
  const from = rules.lanes.get(laneKey(slot.chainId, slot.from))!;
  if (kind !== 'topup' && from.purpose === 'treasury') {
    return no(`${slot.from} is a treasury wallet, which signs top-ups only`);
  }
  if (kind === null) return null;
  if (tx.operation !== kind) return no(`a ${kind} has the operation ${tx.operation}`);
  const treasury = rules.treasury.get(treasuryKey(slot.chainId, from.tenant));
  if (treasury === undefined) {
    return no(`tenant ${from.tenant} has no treasury wallet on chain ${slot.chainId}`);
  }
  return kind === 'topup'
    ? checkTopUp(rules, order, treasury)
    : checkSweep(tx.recipient, treasury.address);
}

function checkTopUp(
  rules: SigningRules,
  { tx, slot }: Order,
  { address, topUp }: { address: Address; topUp: { amount: bigint } | null },
): MoveRefusal | null {
  if (slot.from !== address) return no(`${slot.from} is not the treasury wallet ${address}`);
  if (topUp === null) return no('the treasury wallet makes no top-ups');
  if (tx.token !== null || tx.asset !== caip19(slot.chainId, null)) {
    return no(`a top-up is of the native coin, not of ${tx.asset}`);
  }
  const lane = rules.lanes.get(laneKey(slot.chainId, tx.recipient));
  if (lane?.purpose !== 'pay' || lane.tenant !== tx.tenant) {
    return no(`${tx.recipient} is no configured lane of tenant ${tx.tenant}`);
  }
  if (lane.retired) return no(`${tx.recipient} is retired`);
  return tx.amount <= topUp.amount
    ? null
    : no(`the amount is ${tx.amount}, a top-up is at most ${topUp.amount}`);
}

function checkSweep(recipient: Address, treasury: Address): MoveRefusal | null {
  return recipient === treasury
    ? null
    : no(`${recipient} is not the treasury wallet ${treasury}, the only one to sweep to`);
}

/** How many top-ups the wallet of a first one may begin in 24 hours, at the full amount each; null: it is none. */
export function topUpsADay(rules: SigningRules, order: Order): number | null {
  const { tenant } = rules.lanes.get(laneKey(order.slot.chainId, order.slot.from))!;
  const topUp = rules.treasury.get(treasuryKey(order.slot.chainId, tenant))?.topUp;
  return moveKindOf(order) !== 'topup' || !topUp ? null : Number(topUp.perDay / topUp.amount);
}

/**
 * The daily limit of top-ups, by the journal: those begun in the last 24 hours. Judged once more where they are
 * recorded, since another signer may give one meanwhile.
 */
export function checkTopUpLimit(
  rules: SigningRules,
  order: Order,
  begun: number,
): MoveRefusal | null {
  const most = topUpsADay(rules, order);
  if (most === null || begun < most) return null;
  return {
    code: 'top_up_limit',
    message: `${begun} top-ups began in 24 hours, the limit is ${most} of the full amount`,
  };
}

function no(message: string): MoveRefusal {
  return { code: 'move_refused', message };
}
