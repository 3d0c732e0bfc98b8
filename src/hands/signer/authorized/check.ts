import { type Ceiling, unpackAuthorization } from '../../../base/effect/index.ts';
import type { Order } from '../grammar.ts';
import { laneKey, type SigningRules } from '../rules.ts';

type Refused = { code: 'authorization_refused'; message: string };

/** What carries a payer's authorization, and nothing else does. */
const PAYMENT = 'payment';

/**
 * A payment moves its payer's tokens and none of ours: it carries an authorization if and only if it is one, of
 * somebody who is no wallet of this installation. One with a ceiling is for the wallet that signs, and takes no more than
 * that. Its intent was rebuilt from that authorization. Null: it is in order.
 */
export function checkAuthorized(rules: SigningRules, order: Order): Refused | null {
  const { payerAuthorization, operation, ownerKind } = order.tx;
  const isPayment = operation === PAYMENT && ownerKind === PAYMENT;
  if (isPayment !== (payerAuthorization !== null)) {
    return no(
      isPayment ? 'a payment without an authorization' : `an authorization of a ${operation}`,
    );
  }
  if (payerAuthorization === null) return null;
  const { payer, ceiling } = unpackAuthorization(payerAuthorization);
  if (rules.lanes.has(laneKey(order.slot.chainId, payer))) {
    return no(`the payer ${payer} is a wallet of this installation`);
  }
  return ceiling === null ? null : checkCeiling(ceiling, order);
}

function checkCeiling({ most, facilitator }: Ceiling, { tx, slot }: Order): Refused | null {
  if (facilitator !== slot.from)
    return no(`the payer lets ${facilitator} take it, not ${slot.from}`);
  return tx.amount > most ? no(`${tx.amount} is more than the ${most} that was signed`) : null;
}

function no(message: string): Refused {
  return { code: 'authorization_refused', message };
}
