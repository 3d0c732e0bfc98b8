import {
  type ApprovalContent,
  authorizationDigest,
  type Effect,
  effectDigest,
  effectOf,
  fillerOf,
  intentId,
  readAuthorization,
  signingDigest,
  unsignedTransaction,
} from '../../base/effect/index.ts';
import { type Address, type Hex, keccak256, nonceKey } from '../../base/kernel/index.ts';
import type { Approval } from '../../books/approval/check.ts';

/** A signature request with everything it hangs on, as the main database tells it: not believed yet. */
export type Order = {
  requestId: string;
  txId: string;
  kind: 'effect' | 'filler';
  /** 0 is a legacy transaction, its gas price maxFeePerGas. */
  txType: 0 | 2;
  gasLimit: bigint;
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
  laneEpoch: bigint;
  installationId: string;
  slot: { txId: string; chainId: number; from: Address; nonce: bigint; effectDigest: Hex };
  lane: { chainId: number; address: Address; tenantId: string; epoch: bigint };
  tx: {
    tenantId: string;
    tenant: string;
    ownerKind: string;
    ownerId: string;
    intentId: Hex;
    operation: string;
    idempotencyKey: string;
    chainId: number;
    asset: string;
    token: Address | null;
    recipient: Address;
    amount: bigint;
    /** Packed, of who pays it where the lane does not. */
    payerAuthorization: Hex | null;
    correlationId: string;
  };
  decision: {
    decisionId: string;
    tenantId: string;
    subjectId: string;
    policyVersion: string;
    /** Its version is a stored document, whose tiers are not those of the configuration. */
    byDocument: boolean;
    /** Nothing that tightens came after its policy. */
    stands: boolean;
    verdict: string;
    tier: string | null;
    /** The tx that consumed it. */
    consumedBy: string | null;
  } | null;
  /** Read only where this signer's own rules want approvals. */
  asked: Asked | null;
  chainHalted: string | null;
  /** The scope of a standing freeze that covers it. */
  frozen: string | null;
};

/** What the rows say that persons were asked, and what they gave; `usedBy`: the tx that used it up. */
export type Asked = {
  content: ApprovalContent;
  approvals: (Approval & { usedBy: string | null })[];
};

/** What a signature can take from the wallets of a group at most, of an asset that has a limit. */
export type Spend = { walletGroup: string; asset: string; amount: bigint };

/** What is signed for an order, and what it binds in the journal. */
export type Signing = {
  requestId: string;
  kind: 'effect' | 'filler';
  /** The first effect of its slot: neither a filler nor a replacement. */
  firstEffect: boolean;
  keyId: string;
  chainId: number;
  from: Address;
  nonce: bigint;
  /** What the slot is bound to for ever. */
  intentId: Hex;
  effectDigest: Hex;
  laneEpoch: bigint;
  /** Of a first top-up: how many of its wallet may begin in 24 hours. */
  dayLimit: number | null;
  /** Wei that this signature can move at most: value and gasLimit × maxFeePerGas. */
  maxSpend: bigint;
  /** The same by wallet group and asset, of those that are limited. */
  spends: readonly Spend[];
  unsigned: Buffer;
  /** keccak256 of the unsigned bytes: the digest that is signed. */
  fingerprint: Buffer;
};

/**
 * The intent's identity and effect, rebuilt from the raw row; null where the row has none (an amount
 * that is no uint256, an authorization without a token, or none of a known form). The identity of a payment is its
 * authorization's digest: whoever orders it, under whatever key, it is one intent.
 */
export function rebuildIntent(order: Order): { intentId: Hex; effect: Effect; digest: Hex } | null {
  const { tx, slot } = order;
  const { token, payerAuthorization } = tx;
  if (tx.amount <= 0n || tx.amount >= 2n ** 256n) return null;
  const authorization = payerAuthorization === null ? null : readAuthorization(payerAuthorization);
  if (payerAuthorization !== null && (token === null || authorization === null)) return null;
  const effect = effectOf(tx);
  return {
    intentId:
      authorization !== null && token !== null
        ? authorizationDigest({ chainId: slot.chainId, token, ...authorization })
        : intentId({ ...tx, installationId: order.installationId }),
    effect,
    digest: effectDigest(slot.chainId, slot.from, effect),
  };
}

/**
 * The intent that a slot is bound to when only its filler may ever be signed: its order's own intent
 * is broken, or stands on another slot for ever. Nobody else can have this id.
 */
export function closingIntent(slot: { chainId: number; from: Address; nonce: bigint }): {
  intentId: Hex;
  effectDigest: Hex;
  firstEffect: false;
  dayLimit: null;
} {
  const name = `payonce:close:${nonceKey(slot.chainId, slot.from, slot.nonce)}`;
  return {
    intentId: keccak256(Buffer.from(name, 'utf8')),
    effectDigest: effectDigest(slot.chainId, slot.from, fillerOf(slot.from)),
    firstEffect: false,
    dayLimit: null,
  };
}

/** The bytes to sign for an order that was checked. */
export function compose(
  order: Order,
  keyId: string,
  bound: Pick<Signing, 'intentId' | 'effectDigest' | 'firstEffect' | 'dayLimit'>,
  effect: Effect,
): Omit<Signing, 'spends'> {
  const { slot, kind, txType, gasLimit, maxFeePerGas, maxPriorityFeePerGas } = order;
  const unsigned = unsignedTransaction({
    txType,
    chainId: slot.chainId,
    nonce: slot.nonce,
    effect,
    gasLimit,
    maxFeePerGas,
    maxPriorityFeePerGas,
  });
  return {
    requestId: order.requestId,
    kind,
    keyId,
    chainId: slot.chainId,
    from: slot.from,
    nonce: slot.nonce,
    ...bound,
    laneEpoch: order.laneEpoch,
    maxSpend: effect.value + gasLimit * maxFeePerGas,
    unsigned,
    fingerprint: signingDigest(unsigned),
  };
}

/** What ordersGet selects. */
export type OrderRow = {
  signature_request_id: string;
  tx_id: string;
  kind: 'effect' | 'filler';
  tx_type: number;
  gas_limit: bigint;
  max_fee_per_gas: bigint;
  max_priority_fee_per_gas: bigint;
  lane_epoch: bigint;
  installation_id: string;
  slot_tx_id: string;
  slot_chain_id: bigint;
  from_address: Address;
  nonce: bigint;
  effect_digest: Hex;
  lane_chain_id: bigint;
  lane_address: Address;
  lane_tenant_id: string;
  current_epoch: bigint;
  tenant_id: string;
  tenant: string;
  owner_kind: string;
  owner_id: string;
  intent_id: Hex;
  operation: string;
  idempotency_key: string;
  tx_chain_id: bigint;
  asset: string;
  token: Address | null;
  recipient: Address;
  amount: bigint;
  payer_authorization: Hex | null;
  correlation_id: string;
  decision_id: string | null;
  decision_tenant_id: string;
  subject_id: string;
  policy_version: string;
  by_document: boolean;
  decision_stands: boolean;
  verdict: string;
  tier: string | null;
  consumed_by: string | null;
  halted_reason: string | null;
  frozen_scope: string | null;
};

export function orderOf(row: OrderRow): Order {
  return {
    requestId: row.signature_request_id,
    txId: row.tx_id,
    kind: row.kind,
    // Only these two are in the grammar; the caps are the same for both.
    txType: row.tx_type === 0 ? 0 : 2,
    gasLimit: row.gas_limit,
    maxFeePerGas: row.max_fee_per_gas,
    maxPriorityFeePerGas: row.max_priority_fee_per_gas,
    laneEpoch: row.lane_epoch,
    installationId: row.installation_id,
    slot: {
      txId: row.slot_tx_id,
      chainId: Number(row.slot_chain_id),
      from: row.from_address,
      nonce: row.nonce,
      effectDigest: row.effect_digest,
    },
    lane: {
      chainId: Number(row.lane_chain_id),
      address: row.lane_address,
      tenantId: row.lane_tenant_id,
      epoch: row.current_epoch,
    },
    tx: {
      tenantId: row.tenant_id,
      tenant: row.tenant,
      ownerKind: row.owner_kind,
      ownerId: row.owner_id,
      intentId: row.intent_id,
      operation: row.operation,
      idempotencyKey: row.idempotency_key,
      chainId: Number(row.tx_chain_id),
      asset: row.asset,
      token: row.token,
      recipient: row.recipient,
      amount: row.amount,
      payerAuthorization: row.payer_authorization,
      correlationId: row.correlation_id,
    },
    decision:
      row.decision_id === null
        ? null
        : {
            decisionId: row.decision_id,
            tenantId: row.decision_tenant_id,
            subjectId: row.subject_id,
            policyVersion: row.policy_version,
            byDocument: row.by_document,
            stands: row.decision_stands,
            verdict: row.verdict,
            tier: row.tier,
            consumedBy: row.consumed_by,
          },
    ...{ asked: null, chainHalted: row.halted_reason, frozen: row.frozen_scope },
  };
}
