import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { type Db, openPool } from './index.ts';

let at: MainDatabase;
let signerJournal: Db;
beforeAll(async () => {
  at = await MainDatabase.start();
  signerJournal = openPool({
    url: at.databases.signerUrl,
    role: 'owner',
    name: 'test',
    max: 1,
  });
});
afterAll(async () => {
  await signerJournal.end();
  await at.stop();
});

/**
 * Every write right of a role, from the catalogue: `table INSERT`, `table UPDATE (column, …)`. Partitions
 * are tables of their own here, as they are for whoever would write to them directly.
 */
async function writes(db: Db, role: string): Promise<string[]> {
  const { rows } = await db.query<{ right: string }>(
    `WITH tables AS (
       SELECT c.oid, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
     ), whole AS (
       SELECT relname || ' ' || p AS right FROM tables,
         unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
       WHERE has_table_privilege($1, oid, p)
     ), parts AS (
       SELECT relname || ' ' || p || ' (' || string_agg(a.attname, ', ' ORDER BY a.attnum) || ')' AS right
       FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped,
         unnest(ARRAY['INSERT', 'UPDATE', 'REFERENCES']) p
       WHERE NOT has_table_privilege($1, t.oid, p) AND has_column_privilege($1, t.oid, a.attnum, p)
       GROUP BY relname, p
     )
     SELECT * FROM whole UNION ALL SELECT * FROM parts ORDER BY 1`,
    [role],
  );
  return rows.map((row) => row.right).sort();
}

/** Refused for want of the right, not for anything else. */
const denied = (db: Db, text: string) =>
  expect(db.query(text), text).rejects.toMatchObject({ code: '42501' });

const LEDGER_AND_HISTORY = [
  'audit_block',
  'audit_entry',
  'transfer',
  ...['reserve', 'reserve_resolution'],
  'deposit_reference',
  ...['approval', 'approval_rejection', 'approval_consumed'],
  'event_batch',
  'event_order',
  'inclusion',
  'idempotency_key',
  'external_id',
  'decision',
  'decision_consumed',
  'lane_stretch',
  'break_action',
  'journal_seal',
  ...['signing_freeze', 'signing_freeze_lift', 'signing_freeze_told'],
  ...['operator_freeze', 'operator_freeze_lift'],
];

describe('the app role', () => {
  it('has these rights to write in the main database and no others', async () => {
    expect(await writes(at.owner, 'payonce_app')).toEqual(
      [
        'account INSERT',
        'account UPDATE (blocked_reason)',
        'address_book_entry INSERT (tenant_id, address, account, label, added_by)',
        'address_book_entry UPDATE (removed_by, removed_at)',
        'api_key INSERT',
        'api_key UPDATE (revoked_at)',
        'api_key_secret INSERT',
        'api_key_secret UPDATE (valid_until)',
        'api_key_use INSERT',
        'api_key_use UPDATE',
        'approval INSERT',
        'approval_consumed INSERT',
        'approval_rejection INSERT',
        'approval_request INSERT',
        'approval_request UPDATE (status, updated_at)',
        'arrival INSERT',
        'arrival UPDATE (transfer_id)',
        'attempt INSERT',
        'attempt UPDATE (first_sent_at, last_sent_at, accepted_at, sends, last_answer)',
        'audit_block INSERT',
        'audit_entry INSERT',
        'block DELETE',
        'block INSERT',
        'break_action INSERT',
        'check_run INSERT',
        'check_run UPDATE (started_at, finished_at, findings, lease_owner, lease_until)',
        'chain_head INSERT',
        'chain_head UPDATE (latest, safe, finalized, epoch, lease_owner, lease_until, halted_reason, halted_at, reorgs, advanced_at)',
        'chain_resume INSERT',
        'chain_resume UPDATE (done_at, fork, orphans, refusal)',
        'dead_letter DELETE',
        'dead_letter INSERT',
        'dead_letter UPDATE',
        'decision INSERT',
        'decision_consumed INSERT',
        'dry_verdict INSERT (tx_id, lane_id, decision_id, tx_type, gas_limit, max_fee_per_gas, max_priority_fee_per_gas)',
        'dry_verdict UPDATE (question, lane_id, decision_id, tx_type, gas_limit, max_fee_per_gas, max_priority_fee_per_gas, asked_at)',
        'policy_charge INSERT',
        'policy_charge UPDATE (released_at)',
        'policy_counter INSERT',
        'policy_counter UPDATE (spends, updated_at)',
        'policy_effective UPDATE (version, since)',
        'policy_hold INSERT',
        'policy_hold_answer INSERT',
        'policy_limit INSERT',
        'policy_version INSERT',
        'paid_destination INSERT',
        'paid_destination_cursor UPDATE (position)',
        'screening INSERT (chain_id, address)',
        'screening UPDATE (risk_score, category, source, screened_at, wanted_at, ask_at, failures, failure)',
        'deposit_reference INSERT',
        'event_batch INSERT',
        'event_order INSERT',
        'event_sequencer UPDATE (watermark, floor, position)',
        'expected_arrival INSERT',
        'expected_arrival UPDATE (tx_hash, lapsed_at, transfer_id)',
        'external_id INSERT',
        'finding DELETE',
        'finding INSERT',
        'foreign_inclusion INSERT',
        'foreign_inclusion UPDATE (adopted_at, paid)',
        'idempotency_key INSERT',
        'inclusion INSERT',
        'job DELETE',
        'job INSERT',
        'job UPDATE',
        'lane INSERT',
        'lane UPDATE (next_nonce, epoch, lease_owner, lease_until, paused_reason, paused_at, paused_by, paused_note)',
        'lane_progress INSERT',
        'lane_progress UPDATE (mined_nonce, final_nonce, at_block, moved_at)',
        'lane_stretch INSERT',
        'ledger_balance INSERT',
        'ledger_balance UPDATE (balance, reserved)',
        'merchant INSERT',
        'merchant UPDATE (pay_to, replays, disabled_at, offers)',
        'merchant_asset DELETE',
        'merchant_asset INSERT',
        'merchant_key INSERT',
        'nonce_slot INSERT',
        'nonce_slot UPDATE (gas_reserved, fill_reason)',
        'operator INSERT',
        'operator_freeze INSERT (scope, tenant_id, chain_id, lane_id, asset, reason, frozen_by, placed_for)',
        'operator_freeze_lift INSERT (freeze_id, reason, proposed_by, confirmed_by)',
        'operator_invitation DELETE',
        'operator_invitation INSERT',
        'operator_invitation UPDATE (token_hash, invited_by, expires_at)',
        'operator_membership INSERT',
        'operator_membership UPDATE (roles, granted_by, granted_at, activated_by, activated_at, suspended_at)',
        'operator_session DELETE',
        'operator_session INSERT',
        'operator_session UPDATE (seen_at)',
        'passkey DELETE',
        'passkey INSERT',
        'passkey UPDATE (sign_count, last_used_at)',
        'passkey_challenge DELETE',
        'passkey_challenge INSERT',
        'payment INSERT',
        'priced_endpoint INSERT',
        'priced_endpoint UPDATE (removed_at)',
        'challenge DELETE',
        'challenge INSERT',
        'gateway_call INSERT',
        'gateway_call UPDATE (status, receipt, forwarding_until, answer_status, answer_headers, answer_body, failure_code, refund_id, refund_refused, updated_at, request, request_body, kept_until, charge, payment)',
        'payout_order INSERT',
        'payout_order UPDATE (withdrawal_id, outcome, failure_code)',
        'refund INSERT',
        'refund UPDATE (status, ended_at)',
        'payment UPDATE (status, wait_until, commit_at, risk_tier, leased_until, delivering_until, delivered_at, pending_told_at, failure_code, updated_at, refunded, decision_id, charged)',
        'payment_landing INSERT',
        'person INSERT',
        'policy_change INSERT (tenant_id, version, base_version, effect, tightens, differences, reason, drafted_by, correlation_id, status)',
        'policy_change UPDATE (status, proposed_by, confirmed_by, effective_at, ended_by, end_reason, updated_at)',
        'proposal DELETE',
        'proposal INSERT',
        'proposal UPDATE (content, proposed_by, proposed_at, tenant_id)',
        'reconciliation_break INSERT',
        'reconciliation_break UPDATE (detail, opened_at, resolved_at)',
        'reserve INSERT',
        'reserve_resolution INSERT',
        'rpc_endpoint DELETE',
        'rpc_endpoint INSERT',
        'rpc_endpoint UPDATE (state, since, head, lag, latency_ms, error_rate, last_failure, wrong_chain_id, reported_at)',
        'signature UPDATE (collected_at)',
        'signature_nonce DELETE',
        'signature_nonce INSERT',
        'signature_request INSERT',
        'signature_request UPDATE (cancelled_at)',
        'signing_freeze_told INSERT',
        'speed_up INSERT',
        'speed_up UPDATE (signature_request_id, done_at)',
        'tenant INSERT',
        'transfer INSERT',
        'treasury_move INSERT',
        'treasury_move UPDATE (outcome, ended_at)',
        'tx INSERT',
        'tx UPDATE (status, waiting, waiting_detail, furthest_level, reorgs, failure_code, failure_message, updated_at)',
        'withdrawal INSERT',
        'withdrawal UPDATE (status, generation, decision_id, risk_tier, cancel_requested_at, failure_code, failure_message, failure_members, completed_at, updated_at)',
      ].sort(),
    );
  });

  it.each(LEDGER_AND_HISTORY)('can not change, delete or empty %s', async (table) => {
    const [column] = await at.rows<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum = 1`,
      [table],
    );
    await denied(at.app, `UPDATE ${table} SET ${column!.name} = ${column!.name}`);
    await denied(at.app, `DELETE FROM ${table}`);
    await denied(at.app, `TRUNCATE ${table}`);
  });

  it('can not go around a table by one of its partitions', async () => {
    const partitions = await at.rows<{ name: string; key: string }>(
      `SELECT c.relname AS name, a.attname AS key FROM pg_inherits i
       JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r'
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1`,
    );
    expect(partitions.length).toBeGreaterThanOrEqual(2 * 16);
    for (const { name, key } of partitions) {
      await denied(at.app, `INSERT INTO ${name} SELECT * FROM ${name}`);
      await denied(at.app, `UPDATE ${name} SET ${key} = ${key}`);
      await denied(at.app, `DELETE FROM ${name}`);
    }
  });

  it.each([
    ['nonce_slot', 'lane_id'],
    ['nonce_slot', 'nonce'],
    ['nonce_slot', 'tx_id'],
    ['nonce_slot', 'effect_digest'],
    ['tx', 'intent_id'],
    ['tx', 'recipient'],
    ['tx', 'amount'],
    ['tx', 'token'],
    ['tx', 'chain_id'],
    ['tx', 'decision_id'],
    ['approval_request', 'amount'],
    ['approval_request', 'expiry'],
    ['approval_request', 'initiator'],
    ['withdrawal', 'amount'],
    ['withdrawal', 'initiated_by'],
    ['withdrawal', 'recipient'],
    ['withdrawal', 'account'],
    ['withdrawal', 'idempotency_key'],
    ['signature', 'raw'],
    ['signature_request', 'claimed_at'],
    ['signature_request', 'max_fee_per_gas'],
    ['attempt', 'tx_hash'],
    ['ledger_balance', 'kind'],
    ['lane', 'address'],
    ['api_key', 'scopes'],
    ['api_key', 'person_id'],
    ['person', 'person_id'],
    ['passkey', 'public_key'],
    ['passkey', 'operator_id'],
    ['operator_session', 'expires_at'],
    ['state_transition', 'to_state'],
  ])('can not change %s.%s', async (table, column) => {
    await denied(at.app, `UPDATE ${table} SET ${column} = ${column}`);
  });

  it('can not change the schema, the machines or the triggers', async () => {
    await denied(at.app, `INSERT INTO state_transition VALUES ('tx', 'FINAL', 'CREATED')`);
    await denied(at.app, `DELETE FROM state_transition`);
    await denied(at.app, `ALTER TABLE tx DISABLE TRIGGER ALL`);
    await denied(at.app, `DROP TABLE transfer`);
    await denied(at.app, `CREATE TABLE public.mine (n int)`);
    await denied(at.app, `SET session_replication_role = replica`);
    await denied(at.app, `INSERT INTO schema_migration VALUES (9, 'x', 'x', 1)`);
  });

  it('has no right in the signer’s database', async () => {
    expect(await writes(signerJournal, 'payonce_app')).toEqual([]);
    const { rows } = await signerJournal.query(
      `SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
       AND has_table_privilege('payonce_app', c.oid, 'SELECT')`,
    );
    expect(rows).toEqual([]);
  });
});

describe('the signer role', () => {
  it('can claim a request, answer a question, hand over a signature with its seal, sign audit blocks, tell its rules, and freeze, and nothing else', async () => {
    expect(await writes(at.owner, 'payonce_signer')).toEqual([
      'audit_signature INSERT (height, public_key, signature)',
      'dry_verdict UPDATE (answered, answered_at, refusal_code, refusal_message)',
      'journal_seal UPDATE (height, hash)',
      'signature INSERT (signature_request_id, tx_hash, raw, refusal_code, refusal_message)',
      'signature_request UPDATE (claimed_by, claimed_at)',
      'signer_rules INSERT (digest)',
      'signer_rules UPDATE (told_at)',
      'signing_freeze INSERT (code, detail, remedy, declared_by)',
      'signing_freeze_lift INSERT (freeze_id, lifted_by)',
    ]);
  });

  it('is refused every other write that is tried', async () => {
    const WRITES = new Set([
      'audit_signature',
      'signature',
      'signer_rules',
      'signing_freeze',
      'signing_freeze_lift',
    ]);
    const signer = at.pool('payonce_signer');
    const tables = await at.rows<{ name: string; columns: string[] }>(
      `SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY c.relname`,
    );
    expect(tables.length).toBeGreaterThan(30);
    for (const { name, columns } of tables) {
      await denied(signer, `DELETE FROM ${name}`);
      await denied(signer, `TRUNCATE ${name}`);
      if (!WRITES.has(name)) await denied(signer, `INSERT INTO ${name} DEFAULT VALUES`);
      for (const column of columns) {
        if (name === 'signature_request' && column.startsWith('claimed_')) continue;
        if (name === 'journal_seal' && column !== 'singleton') continue;
        if (name === 'dry_verdict' && /^(answered|refusal)/.test(column)) continue;
        if (name === 'signer_rules' && column === 'told_at') continue;
        await denied(signer, `UPDATE ${name} SET ${column} = DEFAULT`);
      }
    }
    await denied(
      signer,
      'INSERT INTO signature (signature_request_id, collected_at) VALUES (NULL, now())',
    );
  });

  it('reads what it needs to check an order, and no customer’s balance or key', async () => {
    const readable = await at.rows<{ name: string }>(
      `SELECT c.relname AS name FROM pg_class c
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
         AND has_table_privilege('payonce_signer', c.oid, 'SELECT') ORDER BY 1`,
    );
    expect(readable.map((row) => row.name)).toEqual([
      'approval',
      'approval_consumed',
      'approval_request',
      'audit_signature',
      'chain_head',
      'decision',
      'decision_consumed',
      'dry_verdict',
      'installation',
      'journal_seal',
      'lane',
      'nonce_slot',
      'operator_freeze',
      'operator_freeze_lift',
      'policy_version',
      'schema_migration',
      'signature',
      'signature_request',
      'signer_rules',
      'signing_freeze',
      'signing_freeze_lift',
      'tenant',
      'tx',
    ]);
  });

  it('appends to its journal and never rewrites it', async () => {
    const rights = await writes(signerJournal, 'payonce_signer');
    // A promise is a hint that runs out, and no record of what was signed.
    expect(rights.filter((right) => / (DELETE|TRUNCATE|UPDATE)$/.test(right))).toEqual([
      'dry_promise DELETE',
    ]);
    expect(rights.filter((right) => right.startsWith('journal'))).toEqual([
      'journal INSERT',
      'journal UPDATE (signed, tx_hash, signed_at)',
      'journal_batch INSERT',
      'journal_head UPDATE (installation_id, height, hash, request_id, main_height, main_hash, main_position, main_event_id)',
    ]);
    expect(rights.filter((right) => right.startsWith('slot_binding'))).toEqual([
      'slot_binding INSERT',
    ]);
  });
});
