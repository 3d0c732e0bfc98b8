import { randomUUID } from 'node:crypto';
import type { BalanceView, DepositView, TransferView } from '../../roads/deposit/index.ts';
import type { WithdrawalView } from '../../roads/withdrawal/index.ts';
import type { EventView } from './event-view.ts';
import type { Order } from './services.ts';

/** What the rooms below the door show, one of each. */
const NOW = '2026-01-31T12:00:00.000Z';

export const EVENT: EventView = {
  position: 0n,
  id: '',
  type: 'withdrawal.reserved',
  subjectId: randomUUID(),
  withdrawalId: null,
  from: null,
  to: 'RESERVED',
  correlationId: 'c',
  data: null,
  at: NOW,
};

export const DEPOSIT: DepositView = {
  id: randomUUID(),
  account: 'alice',
  asset: 'USDC',
  amount: '100',
  amountAtomic: '100000000',
  reference: 'wire-1',
  idempotencyKey: '',
  correlationId: '',
  createdAt: NOW,
};

export const BALANCE: BalanceView = {
  asset: 'USDC',
  posted: '100',
  reserved: '30',
  available: '70',
  pending: '0',
  postedAtomic: '100000000',
  reservedAtomic: '30000000',
  availableAtomic: '70000000',
  pendingAtomic: '0',
};

export function transferView(): TransferView {
  return {
    id: randomUUID(),
    kind: 'RESERVE',
    asset: 'USDC',
    available: '-30',
    availableAtomic: '-30000000',
    reserved: '30',
    reservedAtomic: '30000000',
    subjectId: randomUUID(),
    correlationId: null,
    at: NOW,
  };
}

export function withdrawalView(request: Order): WithdrawalView {
  return {
    id: randomUUID(),
    status: 'RESERVED',
    confirmation: { level: 'none', blockNumber: null, blockHash: null },
    waiting: null,
    account: 'alice',
    asset: 'USDC',
    amount: '12.5',
    amountAtomic: '12500000',
    fee: '0.5',
    feeAtomic: '500000',
    to: `0x${'ab'.repeat(20)}`,
    externalId: null,
    idempotencyKey: request.idempotencyKey,
    metadata: { note: 'für dich', nested: { deep: [1, null] } },
    riskTier: 'low',
    decision: { id: randomUUID(), policyVersion: 'config:1', trace: [{ tier: 'low' }] },
    approvals: { required: 0, given: 0 },
    nonceKey: null,
    txHash: null,
    attempts: [
      {
        id: randomUUID(),
        txHash: `0x${'cd'.repeat(32)}`,
        status: 'SENT',
        maxFeePerGas: '3000000000',
        maxPriorityFeePerGas: '1',
        sentAt: NOW,
        acceptedAt: null,
      },
    ],
    reorgs: 0,
    failure: null,
    correlationId: request.correlationId,
    expiresAt: null,
    createdAt: NOW,
    updatedAt: NOW,
    completedAt: null,
  };
}
