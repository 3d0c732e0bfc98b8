import type { Level, Refusal } from '../../base/kernel/index.ts';

/** The furthest stage reached, in the order of the road; what a client sees, it never goes back. */
export const PUBLIC_STATUSES = [
  'REQUESTED',
  'RESERVED',
  'AWAITING_APPROVAL',
  'APPROVED',
  'SIGNED',
  'BROADCASTED',
  'INCLUDED',
  'SAFE',
  'FINALIZED',
  'COMPLETED',
  'REVERSED',
  'RESETTLED',
  'REJECTED',
  'CANCELLED',
  'EXPIRED',
  'FAILED',
] as const;
export type PublicStatus = (typeof PUBLIC_STATUSES)[number];

type AttemptView = {
  id: string;
  txHash: string;
  status: string;
  /** Wei, as a decimal string. */
  maxFeePerGas: string;
  maxPriorityFeePerGas: string;
  sentAt: string | null;
  acceptedAt: string | null;
};

/** The withdrawal as JSON: times RFC 3339, amounts decimal strings, beside them base units. */
export type WithdrawalView = {
  id: string;
  status: PublicStatus;
  /** What the canonical chain shows now. blockNumber is a decimal string. */
  confirmation: { level: Level; blockNumber: string | null; blockHash: string | null };
  /** Why nothing moves; `detail` in the words of a contract or a node. */
  waiting: { reason: string; detail: string | null } | null;
  account: string;
  asset: string;
  amount: string;
  amountAtomic: string;
  fee: string;
  feeAtomic: string;
  to: string;
  externalId: string | null;
  idempotencyKey: string;
  metadata: Record<string, unknown> | null;
  riskTier: string | null;
  decision: { id: string; policyVersion: string; trace: unknown } | null;
  approvals: { required: number; given: number };
  nonceKey: string | null;
  txHash: string | null;
  attempts: AttemptView[];
  reorgs: number;
  failure: { code: string; message: string } | null;
  correlationId: string;
  expiresAt: string | null;
  createdAt: string;
  updatedAt: string;
  completedAt: string | null;
};

/** What a list can be narrowed by; filters combine by AND. */
export type WithdrawalFilter = {
  idempotencyKey?: string;
  externalId?: string;
  txHash?: string;
  nonceKey?: string;
  attemptId?: string;
  account?: string;
  status?: PublicStatus;
};

/** The answer to one item of intake; `replayed` on a refusal: it was stored for the key. */
export type Verdict =
  | { kind: 'created' | 'replayed'; view: WithdrawalView }
  | { kind: 'refused'; refusal: Refusal; replayed: boolean };
