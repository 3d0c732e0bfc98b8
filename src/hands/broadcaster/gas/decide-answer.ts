import type { GasEstimate, Simulation } from '../../../base/chain/index.ts';
import type { Address } from '../../../base/kernel/index.ts';

const FALSE = `0x${'0'.repeat(64)}`;

/**
 * What a call with this much gas says of a transfer; null: nothing that counts, ask for an estimate. A token
 * may refuse without a revert, by the answer `false`; many of the older ones answer nothing at all.
 */
export function judgeAnswer(
  answer: Simulation,
  token: Address | null,
  gas: bigint,
): GasEstimate | null {
  if (!answer.ok) return null;
  if (token !== null && answer.returned.slice(0, FALSE.length) === FALSE) {
    return { ok: false, kind: 'reverted', message: 'the token answers false to the transfer' };
  }
  return { ok: true, gas };
}
