import { checksummed } from '../../../base/kernel/index.ts';
import type { PaymentRow } from '../payment/rows.ts';
import type { Reason } from './reasons.ts';

/** What goes out: a status and a body in the packages' form. */
export type Answer = {
  status: 200 | 202 | 400 | 409 | 503;
  body: Record<string, unknown>;
  /** Of a success that may be told once: whether it left. */
  ended?: (delivered: boolean) => void;
};

type Named = Pick<PaymentRow, 'id' | 'authorizationId' | 'status'>;

export type About = { payer: string | null; network: string };

/** Beside the wire's own fields: how to find the payment again. */
function extraOf(row: Named | null): Record<string, unknown> {
  return row === null
    ? {}
    : { extra: { paymentId: row.id, authorizationId: row.authorizationId, state: row.status } };
}

export function aboutOf(request: { network: string; signed: { payer: `0x${string}` } }): About {
  return { network: request.network, payer: checksummed(request.signed.payer) };
}

export function valid({ payer }: About, row: Named): Answer {
  return { status: 200, body: { isValid: true, payer, ...extraOf(row) } };
}

export function invalid(
  { payer }: Pick<About, 'payer'>,
  reason: Reason,
  more: { message?: string; row?: PaymentRow | null; status?: Answer['status'] } = {},
): Answer {
  return {
    status: more.status ?? 200,
    body: {
      isValid: false,
      invalidReason: reason,
      ...(more.message === undefined ? {} : { invalidMessage: more.message }),
      ...(payer === null ? {} : { payer }),
      ...extraOf(more.row ?? null),
    },
  };
}

/**
 * Verify of what is under way: neither valid nor invalid. Without isValid their merchant's package has no answer and
 * says 502; an invalid one, or an error, would ask the payer to sign once more.
 */
export function undecided({ payer }: About, row: PaymentRow): Answer {
  const body = { invalidReason: 'settlement_pending', payer, ...extraOf(row) };
  return { status: 202, body };
}

/** Where nothing was charged there is no hash, as the packages have it. */
export function settled({ payer, network }: About, txHash: string | null, row: PaymentRow): Answer {
  const transaction = txHash ?? '';
  const amount = row.amount.toString();
  const body = { success: true, transaction, network, payer, amount, ...extraOf(row) };
  return { status: 200, body };
}

export function unsettled(
  { payer, network }: Pick<About, 'payer'> & { network: string },
  reason: Reason,
  more: {
    transaction?: string | null;
    message?: string;
    row?: PaymentRow | null;
    status?: Answer['status'];
  } = {},
): Answer {
  return {
    status: more.status ?? 200,
    body: {
      success: false,
      errorReason: reason,
      ...(more.message === undefined ? {} : { errorMessage: more.message }),
      transaction: more.transaction ?? '',
      network,
      ...(payer === null ? {} : { payer }),
      ...extraOf(more.row ?? null),
    },
  };
}

/**
 * Settle of what is still under way when the wait is over. The first answer is the packages' own `settlement_pending` with the
 * hash, which they follow by one more call; the last has no `success`, so that they say 502 and not "pay again".
 */
export function pending(
  about: About,
  row: PaymentRow,
  txHash: string | null,
  last: boolean,
): Answer {
  const answer = unsettled(about, 'settlement_pending', { transaction: txHash, row });
  if (txHash !== null && !last) return answer;
  const { success: _, ...body } = answer.body;
  return { status: 202, body };
}
