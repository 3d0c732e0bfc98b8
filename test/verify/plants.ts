/**
 * One violation for every law. Each statement runs as the superuser in a copy of a finished installation whose
 * constraints and triggers are gone, and returns the row that verify has to name.
 */
export type Plant = { law: string; on: 'main' | 'signer'; sql: string };

export const one = (from: string, where = 'true', column = `${from}_id`) =>
  `(SELECT ${column} FROM ${from} WHERE ${where} ORDER BY 1 LIMIT 1)`;

const COMPLETED = one('withdrawal', `status = 'COMPLETED'`);
/** A token payment that is final. */
export const PAID = `(SELECT t.tx_id FROM tx t JOIN withdrawal w ON w.withdrawal_id = t.owner_id
  WHERE t.status = 'FINAL' AND t.token IS NOT NULL AND w.status = 'COMPLETED' ORDER BY 1 LIMIT 1)`;
export const OWNER = `(SELECT owner_id FROM tx WHERE tx_id = ${PAID})`;
export const HASH = `'\\x${'ab'.repeat(32)}'`;
/** The first stretch of the lane that pays with gas. */
const STRETCH = `(SELECT min(up_to_block) FROM lane_stretch WHERE lane_id = 1 AND gas_by = 'balance' AND gas_reserved > 0)`;
export const ACCOUNT = `concat_ws(' ', kind, nullif(owner, ''), 'in', asset, 'of tenant', tenant_id)`;
export const balance = (kind: string) =>
  `UPDATE ledger_balance SET balance = balance + 1 WHERE account_no = ${one('ledger_balance', `kind = '${kind}'`, 'account_no')}`;
const transfer = (kind: string) =>
  `UPDATE transfer SET amounts[1] = amounts[1] + 1
   WHERE transfer_id = ${one('transfer', `kind = '${kind}'`)}`;
export const main = (law: string, sql: string): Plant => ({ law, on: 'main', sql });
const LEDGER = [
  main('ledger/replay', `${balance('revenue')} RETURNING ${ACCOUNT} AS subject`),
  main(
    'ledger/normal-side',
    `UPDATE ledger_balance SET normal_side = 'credit' WHERE kind = 'hot'
       AND account_no = ${one('ledger_balance', `kind = 'hot'`, 'account_no')} RETURNING ${ACCOUNT} AS subject`,
  ),
  main(
    'ledger/never-overdrawn',
    `UPDATE transfer SET transfer_id = payonce_uuid7() WHERE transfer_id = ${one('transfer', `kind = 'DEPOSIT'`)}
     RETURNING (SELECT ${ACCOUNT} FROM ledger_account WHERE account_no = credit_nos[1]) AS subject`,
  ),
  main(
    'ledger/one-book',
    `UPDATE transfer SET debit_nos[1] = (SELECT min(account_no) FROM ledger_balance WHERE kind = 'hot' AND asset LIKE '%slip44%')
     WHERE transfer_id = (SELECT min(t.transfer_id::text)::uuid FROM transfer t JOIN ledger_account a ON a.account_no = t.debit_nos[1]
       WHERE t.kind = 'DEPOSIT' AND a.asset LIKE '%erc20%') RETURNING 'transfer ' || transfer_id AS subject`,
  ),
  main(
    'ledger/posting-kinds',
    `UPDATE transfer SET kind = 'FUND' WHERE transfer_id = ${one('transfer', `kind = 'DEPOSIT'`)}
     RETURNING 'transfer ' || transfer_id AS subject`,
  ),
  main(
    'ledger/balance-sheet',
    `${balance('custody')} RETURNING 'asset ' || asset || ' of tenant ' || tenant_id AS subject`,
  ),
  main(
    'ledger/customers',
    `${balance('customer')} RETURNING owner || ' in ' || asset || ' of tenant ' || tenant_id AS subject`,
  ),
  main(
    'ledger/reserved',
    `UPDATE ledger_balance SET reserved = reserved + 1 WHERE account_no = ${one('ledger_balance', `kind = 'customer'`, 'account_no')}
     RETURNING owner || ' in ' || asset || ' of tenant ' || tenant_id AS subject`,
  ),
  main(
    'ledger/in-transit',
    `${balance('in_transit')} RETURNING 'asset ' || asset || ' of tenant ' || tenant_id AS subject`,
  ),
  main(
    'ledger/gas-in-transit',
    `${balance('gas_in_transit')} RETURNING 'lane ' || owner AS subject`,
  ),
  main(
    'ledger/reserve-made',
    `DELETE FROM reserve WHERE withdrawal_id = ${COMPLETED} RETURNING 'withdrawal ' || withdrawal_id AS subject`,
  ),
  main(
    'ledger/resolved-once',
    `DELETE FROM reserve_resolution WHERE withdrawal_id = ${COMPLETED} RETURNING 'withdrawal ' || withdrawal_id AS subject`,
  ),
  ...(['RESERVE', 'COMMIT', 'RELEASE'] as const).map((kind) =>
    main(
      `ledger/${kind.toLowerCase()}-amount`,
      `${transfer(kind)} RETURNING 'withdrawal ' || subject_id AS subject`,
    ),
  ),
  main('ledger/assign-amount', `${transfer('ASSIGN')} RETURNING 'tx ' || subject_id AS subject`),
  main(
    'ledger/unassign-amount',
    `${transfer('UNASSIGN')} RETURNING 'tx ' || subject_id AS subject`,
  ),
  main(
    'ledger/reverse-amount',
    `INSERT INTO reserve (withdrawal_id, generation, transfer_id) SELECT ${COMPLETED}, 2, payonce_uuid7()
     RETURNING 'withdrawal ' || withdrawal_id AS subject`,
  ),
  main('ledger/gas-amount', `${transfer('GAS')} RETURNING 'transfer ' || transfer_id AS subject`),
  main(
    'ledger/gas-mined',
    `UPDATE lane_stretch SET gas_cost = gas_cost * 100 WHERE lane_id = 1 AND up_to_block = ${STRETCH}
     RETURNING 'lane ' || lane_id || ' up to block ' || up_to_block AS subject`,
  ),
  main(
    'ledger/stretches-linked',
    `UPDATE lane_stretch SET received = received + 1 WHERE lane_id = 1 AND up_to_block = ${STRETCH}
     RETURNING 'lane ' || lane_id || ' up to block ' || up_to_block AS subject`,
  ),
  main(
    'ledger/move-amount',
    `UPDATE transfer SET amounts[1] = amounts[1] + 1 FROM tx
     WHERE kind = 'FUND' AND subject_id = tx_id AND owner_kind = 'sweep' RETURNING 'tx ' || tx_id AS subject`,
  ),
  main(
    'ledger/arrival-amount',
    `UPDATE lane_stretch SET arrived = arrived + 1 WHERE arrived <> 0 RETURNING 'transfer ' || arrival_transfer_id AS subject`,
  ),
];

const STATE = [
  main(
    'state/moves-declared',
    `UPDATE event_batch SET to_state = 'FAILED' WHERE batch_id = ${one('event_batch', `type = 'withdrawal' AND from_state = 'RESERVED'`, 'batch_id')}
     RETURNING 'withdrawal ' || subject_ids[1] AS subject`,
  ),
  main(
    'state/one-chain',
    `INSERT INTO event_batch (type, from_state, to_state, size, subject_ids)
     SELECT 'withdrawal', 'EXECUTING', 'FAILED', 1, ARRAY[${COMPLETED}] RETURNING 'withdrawal ' || subject_ids[1] AS subject`,
  ),
  main(
    'state/status-is-last',
    `UPDATE withdrawal SET status = 'APPROVED' WHERE status = 'RESERVED' RETURNING 'withdrawal ' || withdrawal_id AS subject`,
  ),
  main(
    'state/tx-follows',
    `UPDATE tx SET status = 'BROADCASTED' WHERE tx_id = ${PAID} RETURNING 'withdrawal ' || owner_id AS subject`,
  ),
  main(
    'state/end-told',
    `UPDATE withdrawal SET completed_at = NULL WHERE withdrawal_id = ${COMPLETED} RETURNING 'withdrawal ' || withdrawal_id AS subject`,
  ),
];

const TX = [
  main(
    'tx/approved-by-persons',
    `INSERT INTO approval_request (tenant_id, owner_id, decision_id, requirements, wallet_group, chain_id, asset, recipient, amount, fee_cap,
       intent_id, policy_version, initiator, expiry, correlation_id, status)
     SELECT tenant_id, owner_id, decision_id, '[]', 'demo', chain_id, asset, recipient, amount, 1, intent_id, 'v', 'k', 1, 'c', 'PENDING'
     FROM tx WHERE tx_id = ${PAID} RETURNING 'tx ' || (SELECT tx_id FROM tx t WHERE t.decision_id = approval_request.decision_id) AS subject`,
  ),
  main(
    'tx/intent',
    `UPDATE tx SET amount = amount + 1 WHERE tx_id = ${PAID} RETURNING 'tx ' || tx_id AS subject`,
  ),
  main(
    'tx/own-moves',
    `UPDATE tx SET to_lane = from_lane WHERE owner_kind = 'sweep' RETURNING 'move ' || owner_id AS subject`,
  ),
  main(
    'tx/move-follows',
    `UPDATE treasury_move SET outcome = 'unpaid' WHERE kind = 'topup' RETURNING 'move ' || move_id AS subject`,
  ),
  main(
    'tx/one-slot',
    `DELETE FROM nonce_slot WHERE tx_id = ${PAID} RETURNING 'tx ' || tx_id AS subject`,
  ),
  main(
    'tx/slots-contiguous',
    `DELETE FROM nonce_slot WHERE tx_id = ${PAID} RETURNING 'lane ' || lane_id AS subject`,
  ),
  main(
    'tx/slot-of-lane',
    `UPDATE nonce_slot SET from_address = '\\x${'ab'.repeat(20)}' WHERE tx_id = ${PAID}
     RETURNING 'slot ' || lane_id || ':' || nonce AS subject`,
  ),
  main(
    'tx/decision-once',
    `DELETE FROM decision_consumed WHERE tx_id = ${PAID} RETURNING 'tx ' || tx_id AS subject`,
  ),
  main(
    'tx/attempt-ordered',
    `UPDATE signature_request SET claimed_at = NULL WHERE tx_id = ${PAID} RETURNING 'attempt ' || signature_request_id AS subject`,
  ),
  main(
    'tx/attempt-signed',
    `UPDATE attempt SET tx_hash = ${HASH} WHERE tx_id = ${PAID} RETURNING 'request ' || attempt_id AS subject`,
  ),
  main(
    'tx/one-inclusion',
    `WITH more AS (
       INSERT INTO attempt (attempt_id, tenant_id, lane_id, nonce, ordinal, chain_id, tx_id, kind, tx_hash, max_fee_per_gas, max_priority_fee_per_gas)
       SELECT payonce_uuid7(), tenant_id, lane_id, nonce, 2, chain_id, tx_id, kind, ${HASH}, max_fee_per_gas, max_priority_fee_per_gas
       FROM attempt WHERE tx_id = ${PAID} RETURNING *)
     INSERT INTO inclusion (attempt_id, block_hash, chain_id, block_number, succeeded, effect_ok, gas_used, effective_gas_price)
     SELECT more.attempt_id, i.block_hash, i.chain_id, i.block_number, true, true, i.gas_used, i.effective_gas_price
     FROM more, attempt a JOIN inclusion i USING (attempt_id) WHERE a.tx_id = ${PAID}
     RETURNING (SELECT 'slot ' || lane_id || ':' || nonce FROM nonce_slot WHERE tx_id = ${PAID}) AS subject`,
  ),
  main(
    'tx/end-final',
    `UPDATE inclusion SET effect_ok = false WHERE attempt_id = (SELECT attempt_id FROM attempt WHERE tx_id = ${PAID})
     RETURNING 'tx ' || ${PAID} AS subject`,
  ),
  main(
    'tx/included-once-seen',
    `DELETE FROM inclusion WHERE attempt_id = (SELECT attempt_id FROM attempt WHERE tx_id = ${PAID}) RETURNING 'tx ' || ${PAID} AS subject`,
  ),
  main(
    'tx/orphans-remembered',
    `INSERT INTO inclusion (attempt_id, block_hash, chain_id, block_number, succeeded, effect_ok, gas_used, effective_gas_price)
     SELECT attempt_id, ${HASH}, chain_id, 7, true, true, 1, 1 FROM attempt WHERE tx_id = ${PAID} RETURNING 'tx ' || ${PAID} AS subject`,
  ),
  main(
    'tx/committed-is-paid',
    `UPDATE inclusion SET succeeded = false WHERE attempt_id = (SELECT attempt_id FROM attempt WHERE tx_id = ${PAID})
     RETURNING 'withdrawal ' || ${OWNER} AS subject`,
  ),
  main(
    'tx/released-is-unpaid',
    `UPDATE withdrawal SET status = 'FAILED' WHERE withdrawal_id = ${OWNER} RETURNING 'withdrawal ' || withdrawal_id AS subject`,
  ),
  main(
    'tx/stopped-is-unsigned',
    `UPDATE signature_request SET claimed_at = now(), cancelled_at = NULL WHERE cancelled_at IS NOT NULL
     RETURNING (SELECT 'withdrawal ' || owner_id FROM tx WHERE tx.tx_id = signature_request.tx_id) AS subject`,
  ),
  main(
    'tx/mined-nonces',
    `UPDATE lane_progress SET mined_nonce = mined_nonce + 1 WHERE lane_id = 1 RETURNING 'lane ' || lane_id AS subject`,
  ),
  main(
    'tx/mismatch-parked',
    `UPDATE inclusion SET effect_ok = false WHERE attempt_id = (SELECT attempt_id FROM attempt WHERE tx_id = ${PAID})
     RETURNING 'tx ' || ${PAID} AS subject`,
  ),
  main(
    'tx/foreign-parked',
    `INSERT INTO foreign_inclusion (tx_hash, block_hash, chain_id, block_number, lane_id, nonce, pays_intent, did)
     SELECT ${HASH}, i.block_hash, i.chain_id, i.block_number, a.lane_id, a.nonce, true, '{}'
     FROM attempt a JOIN inclusion i USING (attempt_id) JOIN block b ON b.chain_id = i.chain_id AND b.hash = i.block_hash
     WHERE a.tx_id = ${PAID} RETURNING 'tx ' || ${PAID} AS subject`,
  ),
  main(
    'tx/blocks-linked',
    `UPDATE block SET parent_hash = ${HASH} WHERE height = (SELECT max(height) FROM block) RETURNING 'block ' || chain_id || ':' || height AS subject`,
  ),
];

const KEYS = [
  main(
    'keys/withdrawal-key',
    `DELETE FROM idempotency_key WHERE resource_id = ${COMPLETED} RETURNING 'withdrawal ' || resource_id AS subject`,
  ),
  main(
    'keys/key-used',
    `UPDATE idempotency_key SET resource_id = payonce_uuid7() WHERE resource_id = ${COMPLETED} RETURNING 'key ' || key_hash AS subject`,
  ),
  main(
    'keys/external-id',
    `DELETE FROM external_id WHERE external_hash = (SELECT min(external_hash::text)::uuid FROM external_id)
     RETURNING 'withdrawal ' || withdrawal_id AS subject`,
  ),
  main(
    'keys/deposit-once',
    `DELETE FROM deposit_reference WHERE deposit_id = ${one('deposit_reference', 'true', 'deposit_id')} RETURNING 'deposit ' || deposit_id AS subject`,
  ),
];

const TAKEN = `(SELECT subject_id FROM policy_charge WHERE released_at IS NULL ORDER BY 1 LIMIT 1)`;
const POLICY = [
  main(
    'policy/windows-kept',
    `UPDATE policy_charge SET amount = amount * 1000000000 WHERE subject_id = ${TAKEN} RETURNING 'subject ' || subject_id AS subject`,
  ),
  main(
    'policy/windows-agree',
    `UPDATE policy_counter SET spends = '{}' WHERE counter_id = ${one('policy_counter', "dimension = 'account'", 'counter_id')}
     RETURNING 'counter ' || counter_id AS subject`,
  ),
  main(
    'policy/given-back',
    `UPDATE policy_charge SET released_at = now() WHERE subject_id = ${TAKEN} RETURNING 'withdrawal ' || subject_id AS subject`,
  ),
];

const QUEUE = [
  main(
    'queue/withdrawals-move',
    `DELETE FROM job WHERE topic = 'withdrawal.requested' RETURNING 'withdrawal ' || subject_id AS subject`,
  ),
  main(
    'queue/txs-move',
    `UPDATE signature_request SET cancelled_at = now() WHERE tx_id = (SELECT tx_id FROM tx WHERE status = 'SLOTTED')
     RETURNING 'tx ' || tx_id AS subject`,
  ),
  main(
    'queue/moves-move',
    `UPDATE treasury_move SET outcome = NULL WHERE kind = 'topup' RETURNING 'move ' || move_id AS subject`,
  ),
  main(
    'queue/gas-is-booked',
    `WITH gone AS (DELETE FROM lane_stretch WHERE to_nonce = (SELECT max(to_nonce) FROM lane_stretch) RETURNING lane_id)
     SELECT DISTINCT 'lane ' || lane_id AS subject FROM gone`,
  ),
  main(
    'queue/jobs-have-subjects',
    `INSERT INTO job (topic, subject_id, tenant_id) SELECT 'tx.send', payonce_uuid7(), tenant_id FROM tenant LIMIT 1
     RETURNING 'job tx.send ' || subject_id AS subject`,
  ),
  main(
    'queue/no-break-open',
    `INSERT INTO reconciliation_break (tenant_id, kind, chain_id, lane_id, subject_id, detail)
     SELECT tenant_id, 'final_taken_back', chain_id, lane_id, payonce_uuid7(), '{}' FROM lane LIMIT 1
     RETURNING 'break ' || break_id AS subject`,
  ),
  main(
    'queue/nothing-died',
    `INSERT INTO dead_letter (topic, subject_id, tenant_id, attempts, reason) SELECT 'tx.send', payonce_uuid7(), tenant_id, 3, 'a test'
     FROM tenant LIMIT 1 RETURNING 'job tx.send ' || subject_id AS subject`,
  ),
];

export const BOOK_PLANTS: readonly Plant[] = [
  ...LEDGER,
  ...STATE,
  ...TX,
  ...KEYS,
  ...POLICY,
  ...QUEUE,
];
