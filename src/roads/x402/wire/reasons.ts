import type { AuthorizationMethod } from '../../../base/effect/index.ts';

/**
 * What is said of a payment that is not taken, in the words of the official packages where they have one: payers and
 * merchants compare them byte by byte.
 */
export type Reason =
  | 'invalid_payload'
  | 'invalid_x402_version'
  | 'invalid_network'
  | 'invalid_payment_requirements'
  | 'unsupported_scheme'
  | 'unsupported_payload_type'
  | 'unsupported_asset_transfer_method'
  | 'invalid_exact_evm_network_mismatch'
  | 'invalid_exact_evm_missing_eip712_domain'
  | 'invalid_exact_evm_token_name_mismatch'
  | 'invalid_exact_evm_token_version_mismatch'
  | 'invalid_exact_evm_recipient_mismatch'
  | 'invalid_exact_evm_payload_authorization_valid_before'
  | 'invalid_exact_evm_payload_authorization_valid_after'
  | 'invalid_exact_evm_payload_authorization_value_mismatch'
  | 'invalid_exact_evm_signature'
  | 'invalid_exact_evm_nonce_already_used'
  | 'invalid_exact_evm_insufficient_balance'
  | 'invalid_exact_evm_transaction_simulation_failed'
  | 'invalid_exact_evm_transaction_failed'
  | 'invalid_upto_evm_scheme'
  | 'invalid_upto_evm_network_mismatch'
  | 'invalid_upto_evm_payload_settlement_exceeds_amount'
  | 'invalid_upto_evm_transaction_failed'
  | 'upto_facilitator_mismatch'
  | 'invalid_permit2_spender'
  | 'invalid_permit2_recipient_mismatch'
  | 'permit2_deadline_expired'
  | 'permit2_not_yet_valid'
  | 'permit2_amount_mismatch'
  | 'permit2_token_mismatch'
  | 'invalid_permit2_signature'
  | 'permit2_invalid_nonce'
  | 'permit2_insufficient_balance'
  | 'permit2_allowance_required'
  | 'permit2_simulation_failed'
  | 'permit2_proxy_not_deployed'
  | 'duplicate_settlement'
  | 'settlement_pending'
  | 'policy_denied'
  | 'policy_superseded'
  | 'approval_rejected'
  | 'approval_expired'
  | 'payment_identifier_conflict'
  | 'credential_bound_elsewhere'
  | 'unexpected_verify_error'
  | 'unexpected_settle_error';

type Fault =
  | 'payee'
  | 'runOut'
  | 'notYet'
  | 'amount'
  | 'signature'
  | 'used'
  | 'balance'
  | 'simulation'
  | 'failed';

const PERMIT2 = {
  payee: 'invalid_permit2_recipient_mismatch',
  runOut: 'permit2_deadline_expired',
  notYet: 'permit2_not_yet_valid',
  amount: 'permit2_amount_mismatch',
  signature: 'invalid_permit2_signature',
  used: 'permit2_invalid_nonce',
  balance: 'permit2_insufficient_balance',
  simulation: 'permit2_simulation_failed',
  failed: 'invalid_exact_evm_transaction_failed',
} as const;

/** One fault has a name of its own in each way to pay. */
export const REASONS = {
  eip3009: {
    payee: 'invalid_exact_evm_recipient_mismatch',
    runOut: 'invalid_exact_evm_payload_authorization_valid_before',
    notYet: 'invalid_exact_evm_payload_authorization_valid_after',
    amount: 'invalid_exact_evm_payload_authorization_value_mismatch',
    signature: 'invalid_exact_evm_signature',
    used: 'invalid_exact_evm_nonce_already_used',
    balance: 'invalid_exact_evm_insufficient_balance',
    simulation: 'invalid_exact_evm_transaction_simulation_failed',
    failed: 'invalid_exact_evm_transaction_failed',
  },
  permit2: PERMIT2,
  upto: { ...PERMIT2, failed: 'invalid_upto_evm_transaction_failed' },
} as const satisfies Record<AuthorizationMethod, Record<Fault, Reason>>;

/** Why a payment is nobody's to take, with the status of the answer. */
export const REFUSED: Record<
  'elsewhere' | 'conflict' | 'denied',
  [reason: Reason, more: { status?: 409 }]
> = {
  elsewhere: ['credential_bound_elsewhere', { status: 409 }],
  conflict: ['payment_identifier_conflict', { status: 409 }],
  denied: ['policy_denied', {}],
};
