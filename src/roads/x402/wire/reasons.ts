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
  | 'duplicate_settlement'
  | 'settlement_pending'
  | 'payment_identifier_conflict'
  | 'credential_bound_elsewhere'
  | 'unexpected_verify_error'
  | 'unexpected_settle_error';
