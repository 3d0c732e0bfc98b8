import type { ChainPort } from '../../../base/chain/index.ts';
import { hasRunOut } from '../../../base/effect/index.ts';
import type { PaymentRow } from '../payment/rows.ts';

/** Whether no block after this final one can take an authorization: its end by the chain's clock. */
export async function runOutAt(
  port: Pick<ChainPort, 'header'>,
  of: Pick<PaymentRow, 'method' | 'validBefore'>,
  finalized: number,
): Promise<boolean> {
  const final = await port.header(finalized);
  return final !== null && hasRunOut(of, final.timestamp);
}
