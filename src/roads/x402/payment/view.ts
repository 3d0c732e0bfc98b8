import type { AuthorizationMethod } from '../../../base/effect/index.ts';
import { checksummed, type Level, type PaymentState } from '../../../base/kernel/index.ts';
import { levelOf } from './outcome.ts';
import { awaitsPersons, type PaymentDecision, type PaymentRow } from './rows.ts';

type Tally = { required: number; given: number };

/** A payment as its merchant sees it. */
export type PaymentView = {
  id: string;
  status: PaymentState;
  confirmation: { level: Level; blockNumber: number | null; blockHash: string | null };
  waiting: { reason: string } | null;
  /** What persons were asked for, and what they gave. */
  approvals: Tally;
  scheme: 'exact' | 'upto';
  network: string;
  asset: string;
  /** What is charged; of `upto`, until that is known, the most. */
  amountAtomic: string;
  /** Of `upto`: what its payer signed for. */
  maxAmountAtomic: string | null;
  payer: string;
  payTo: string;
  authorizationId: string;
  assetTransferMethod: Exclude<AuthorizationMethod, 'upto'>;
  paymentIdentifier: string | null;
  /** The payment that this one stands for, where its payer signed twice. */
  convergedOn: string | null;
  /** On its way back to the payer, or there. */
  refundedAtomic: string;
  resource: string | null;
  txHash: string | null;
  waitUntil: string;
  delivered: boolean;
  failure: { code: string } | null;
  /** Which policy took or denied it, and how it came to that; null: it was not handed in to be settled. */
  decision: PaymentDecision | null;
  correlationId: string;
  createdAt: string;
  updatedAt: string;
};

export function viewOf(
  row: PaymentRow,
  { decision, tally }: { decision: PaymentDecision | null; tally: Tally | undefined },
): PaymentView {
  return {
    id: row.id,
    status: shownStatus(row),
    confirmation: {
      level: levelOf(row),
      blockNumber: row.paid?.blockNumber ?? null,
      blockHash: row.paid?.blockHash ?? null,
    },
    waiting: waitingOf(row),
    approvals: { required: tally?.required ?? 0, given: tally?.given ?? 0 },
    scheme: row.method === 'upto' ? 'upto' : 'exact',
    network: `eip155:${row.chainId}`,
    asset: row.asset,
    amountAtomic: row.amount.toString(),
    maxAmountAtomic: row.ceiling?.most.toString() ?? null,
    payer: checksummed(row.payer),
    payTo: checksummed(row.payTo),
    authorizationId: row.authorizationId,
    assetTransferMethod: row.method === 'upto' ? 'permit2' : row.method,
    paymentIdentifier: row.identifier,
    convergedOn: row.convergedOn,
    refundedAtomic: row.refunded.toString(),
    resource: row.endpoint === '' ? null : row.endpoint,
    txHash: row.paid?.txHash ?? row.tx?.newestHash ?? null,
    waitUntil: row.waitUntil,
    delivered: row.delivered,
    failure: row.failureCode === null ? null : { code: row.failureCode },
    decision,
    correlationId: row.correlationId,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

function waitingOf(row: PaymentRow): PaymentView['waiting'] {
  if (awaitsPersons(row)) return { reason: 'approval' };
  return row.tx?.waiting ? { reason: row.tx.waiting } : null;
}

/** The step that records a send is the transaction's; its payment follows with the block. */
function shownStatus({ status, tx }: PaymentRow): PaymentState {
  return status === 'RESERVED' && tx?.status === 'BROADCASTED' ? 'BROADCASTED' : status;
}
