import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import {
  APPROVAL,
  canMove,
  GATEWAY_CALL,
  isEnd,
  MACHINES,
  PAYMENT,
  POLICY_CHANGE,
  TX,
  WITHDRAWAL,
  type WithdrawalState,
} from '../kernel/index.ts';
import { advance, machineSql, projectRoot } from './index.ts';

// Written out by hand, from the design: a change of a machine is a change of this list.
const ALLOWED: Record<string, readonly string[]> = {
  withdrawal: [
    'REQUESTED>RESERVED',
    'REQUESTED>REJECTED',
    'REQUESTED>CANCELLED',
    'REQUESTED>EXPIRED',
    'RESERVED>AWAITING_APPROVAL',
    'RESERVED>APPROVED',
    'RESERVED>REJECTED',
    'RESERVED>CANCELLED',
    'RESERVED>EXPIRED',
    'AWAITING_APPROVAL>APPROVED',
    'AWAITING_APPROVAL>REJECTED',
    'AWAITING_APPROVAL>CANCELLED',
    'AWAITING_APPROVAL>EXPIRED',
    'APPROVED>EXECUTING',
    'APPROVED>REJECTED',
    'APPROVED>CANCELLED',
    'APPROVED>EXPIRED',
    'EXECUTING>COMPLETED',
    'EXECUTING>CANCELLED',
    'EXECUTING>EXPIRED',
    'EXECUTING>FAILED',
    'COMPLETED>REVERSED',
    'REVERSED>RESETTLED',
    'REVERSED>FAILED',
    'RESETTLED>REVERSED',
  ],
  tx: [
    'CREATED>SLOTTED',
    'CREATED>CANCELLED',
    'SLOTTED>SIGNED',
    'SIGNED>BROADCASTED',
    'SIGNED>INCLUDED',
    'SIGNED>REPLACED',
    'BROADCASTED>INCLUDED',
    'BROADCASTED>REPLACED',
    'INCLUDED>FINAL',
    'INCLUDED>REVERTED',
    'INCLUDED>REPLACED',
    'INCLUDED>CANCELLED',
    'FINAL>REVERTED',
    'FINAL>REPLACED',
    'FINAL>CANCELLED',
    'REVERTED>FINAL',
    'REVERTED>REPLACED',
    'REVERTED>CANCELLED',
    'REPLACED>FINAL',
    'REPLACED>REVERTED',
    'REPLACED>CANCELLED',
    'CANCELLED>FINAL',
    'CANCELLED>REVERTED',
    'CANCELLED>REPLACED',
  ],
  approval: ['PENDING>APPROVED', 'PENDING>REJECTED', 'PENDING>EXPIRED', 'PENDING>CANCELLED'],
  payment: [
    'REQUESTED>CHALLENGED',
    'REQUESTED>EXPIRED',
    'CHALLENGED>AUTH_SIGNED',
    'CHALLENGED>EXPIRED',
    'AUTH_SIGNED>AUTH_VERIFIED',
    'AUTH_SIGNED>AUTH_REJECTED',
    'AUTH_SIGNED>DUPLICATE_REQUEST',
    'AUTH_VERIFIED>RESERVED',
    'AUTH_VERIFIED>VOIDED',
    'AUTH_VERIFIED>AUTH_REJECTED',
    'AUTH_VERIFIED>EXPIRED',
    'RESERVED>BROADCASTED',
    'RESERVED>CHAIN_FAILED',
    'RESERVED>EXPIRED',
    'BROADCASTED>INCLUDED',
    'BROADCASTED>CHAIN_FAILED',
    'BROADCASTED>EXPIRED',
    'INCLUDED>FINALIZED',
    'INCLUDED>LEDGER_COMMITTED',
    'INCLUDED>CHAIN_FAILED',
    'INCLUDED>EXPIRED',
    'FINALIZED>LEDGER_COMMITTED',
    'LEDGER_COMMITTED>SETTLED',
    'SETTLED>REFUND_PENDING',
    'SETTLED>REVERSED',
    'REVERSED>RESETTLED',
    'REVERSED>CHAIN_FAILED',
    'REVERSED>EXPIRED',
    'RESETTLED>REFUND_PENDING',
    'RESETTLED>REVERSED',
    'REFUND_PENDING>REFUNDED',
    'REFUNDED>REFUND_PENDING',
  ],
  policy_change: [
    'DRAFT>PROPOSED',
    'DRAFT>WITHDRAWN',
    'PROPOSED>SCHEDULED',
    'PROPOSED>EFFECTIVE',
    'PROPOSED>VETOED',
    'SCHEDULED>EFFECTIVE',
    'SCHEDULED>VETOED',
    'SCHEDULED>WITHDRAWN',
    'EFFECTIVE>SUPERSEDED',
  ],
  gateway_call: [
    'PAYING>PAID',
    'PAYING>UNPAID',
    'PAID>FORWARDING',
    'FORWARDING>SERVED',
    'FORWARDING>PAID',
    'FORWARDING>FAILED',
    'FORWARDING>CHARGING',
    'CHARGING>SERVED',
    'CHARGING>UNPAID',
  ],
};
const STATES: Record<string, readonly string[]> = {
  withdrawal: [
    'REQUESTED',
    'RESERVED',
    'AWAITING_APPROVAL',
    'APPROVED',
    'EXECUTING',
    'COMPLETED',
    'REVERSED',
    'RESETTLED',
    'REJECTED',
    'CANCELLED',
    'EXPIRED',
    'FAILED',
  ],
  tx: [
    'CREATED',
    'SLOTTED',
    'SIGNED',
    'BROADCASTED',
    'INCLUDED',
    'FINAL',
    'REVERTED',
    'REPLACED',
    'CANCELLED',
  ],
  approval: ['PENDING', 'APPROVED', 'REJECTED', 'EXPIRED', 'CANCELLED'],
  payment: [
    'REQUESTED',
    'CHALLENGED',
    'AUTH_SIGNED',
    'AUTH_VERIFIED',
    'RESERVED',
    'BROADCASTED',
    'INCLUDED',
    'FINALIZED',
    'LEDGER_COMMITTED',
    'SETTLED',
    'REVERSED',
    'RESETTLED',
    'REFUND_PENDING',
    'REFUNDED',
    'VOIDED',
    'AUTH_REJECTED',
    'DUPLICATE_REQUEST',
    'CHAIN_FAILED',
    'EXPIRED',
  ],
  policy_change: [
    ...['DRAFT', 'PROPOSED', 'SCHEDULED', 'EFFECTIVE', 'SUPERSEDED', 'VETOED', 'WITHDRAWN'],
  ],
  gateway_call: ['PAYING', 'PAID', 'FORWARDING', 'CHARGING', 'SERVED', 'FAILED', 'UNPAID'],
};
const INITIAL: Record<string, readonly string[]> = {
  withdrawal: ['REQUESTED', 'RESERVED', 'REJECTED'],
  tx: ['CREATED'],
  approval: ['PENDING'],
  payment: ['REQUESTED', 'AUTH_SIGNED'],
  policy_change: ['DRAFT'],
  gateway_call: ['PAYING', 'FORWARDING'],
};

describe('the machines as data', () => {
  it('are these, with these states and these moves and no others', () => {
    expect(MACHINES.map((machine) => machine.name)).toEqual(Object.keys(STATES));
    for (const machine of MACHINES) {
      expect(Object.keys(machine.moves)).toEqual(STATES[machine.name]);
      expect(machine.initial).toEqual(INITIAL[machine.name]);
      const moves = Object.entries(machine.moves).flatMap(([from, to]) =>
        to.map((state) => `${from}>${state}`),
      );
      expect(moves).toEqual(ALLOWED[machine.name]);
    }
  });

  it('tell moves and ends', () => {
    expect(canMove(WITHDRAWAL, 'EXECUTING', 'COMPLETED')).toBe(true);
    expect(canMove(WITHDRAWAL, 'COMPLETED', 'FAILED')).toBe(false);
    expect(
      STATES['withdrawal']!.filter((state) => isEnd(WITHDRAWAL, state as WithdrawalState)),
    ).toEqual(['REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED']);
    expect(isEnd(WITHDRAWAL, 'COMPLETED')).toBe(false);
  });

  it('are what the migration holds', () => {
    const first = readFileSync(join(projectRoot(), 'migrations/main/0004_machines.sql'), 'utf8');
    expect(first.slice(first.indexOf('-- withdrawal'))).toBe(
      [WITHDRAWAL, TX].map(machineSql).join('\n'),
    );
    const approval = readFileSync(join(projectRoot(), 'migrations/main/0015_approval.sql'), 'utf8');
    expect(approval).toContain(machineSql(APPROVAL));
    const payment = readFileSync(
      join(projectRoot(), 'migrations/main/0018_payment_machine.sql'),
      'utf8',
    );
    // Another refund may follow one since a later migration, and another one brought VOIDED.
    const { VOIDED: _, ...moves } = PAYMENT.moves;
    const first18 = {
      ...moves,
      AUTH_VERIFIED: moves.AUTH_VERIFIED.filter((to) => to !== 'VOIDED'),
    };
    const asFirstMade = { ...PAYMENT, moves: { ...first18, REFUNDED: [] } };
    expect(payment).toContain(machineSql(asFirstMade));
    const change = readFileSync(
      join(projectRoot(), 'migrations/main/0021_policy_change.sql'),
      'utf8',
    );
    expect(change).toContain(machineSql(POLICY_CHANGE));
    const call = readFileSync(join(projectRoot(), 'migrations/main/0031_gateway.sql'), 'utf8');
    const { CHARGING: _charging, FORWARDING, ...calls } = GATEWAY_CALL.moves;
    const { PAYING, PAID, ...ends } = calls;
    const first31 = {
      PAYING,
      PAID,
      FORWARDING: FORWARDING.filter((to) => to !== 'CHARGING'),
      ...ends,
    };
    expect(call).toContain(machineSql({ ...GATEWAY_CALL, initial: ['PAYING'], moves: first31 }));
  });
});

describe('the machines in the database', () => {
  let at: MainDatabase;
  beforeAll(async () => {
    at = await MainDatabase.start();
    // Whatever else must be so in a state is left out: here moves alone are looked at.
    await at.rows(
      `ALTER TABLE policy_change DROP CONSTRAINT policy_change_confirmed, DROP CONSTRAINT policy_change_ended`,
    );
    await at.rows(
      `ALTER TABLE gateway_call DROP CONSTRAINT gateway_call_paid, DROP CONSTRAINT gateway_call_served,
         DROP CONSTRAINT gateway_call_failure, DROP CONSTRAINT gateway_call_endpoint_id_fkey,
         DROP CONSTRAINT gateway_call_request, DROP CONSTRAINT gateway_call_charge`,
    );
    await at.rows('ALTER TABLE payment DROP CONSTRAINT payment_charged');
    await at.rows('DROP INDEX policy_change_ruling');
    await at.rows('INSERT INTO person VALUES (gen_random_uuid())');
    await at.rows(
      `INSERT INTO policy_version (version, document, canonical) VALUES ('policy:' || repeat('a', 64), '', '')`,
    );
  });
  afterAll(() => at.stop());

  /** Rows in given states; only the owner with triggers off can make what is no initial state. */
  async function rowsIn(machine: string, states: readonly string[]): Promise<string[]> {
    const client = await at.owner.connect();
    try {
      await client.query('SET session_replication_role = replica');
      const { rows } = await client.query<{ id: string }>(INSERT[machine]!, [at.tenantId, states]);
      return rows.map((row) => row.id);
    } finally {
      await client.query('SET session_replication_role = DEFAULT');
      client.release();
    }
  }

  it('hold the same moves as rows', async () => {
    const moves = await at.rows<{ machine: string; move: string }>(
      `SELECT machine, from_state || '>' || to_state AS move FROM state_transition`,
    );
    const initial = await at.rows<{ machine: string; state: string }>(
      'SELECT machine, state FROM state_initial',
    );
    for (const { name } of MACHINES) {
      const found = moves.filter((row) => row.machine === name).map((row) => row.move);
      expect(found.sort()).toEqual([...ALLOWED[name]!].sort());
      const starts = initial.filter((row) => row.machine === name).map((row) => row.state);
      expect(starts.sort()).toEqual([...INITIAL[name]!].sort());
    }
    expect(moves).toHaveLength(103);
  });

  it.each(MACHINES)(
    'lets the app move a $name by an allowed pair and by no other',
    async ({ name, table, idColumn }) => {
      const states = STATES[name]!;
      const refused: string[] = [];
      for (const from of states) {
        const targets = [...states.filter((to) => to !== from), 'NOWHERE'];
        const ids = await rowsIn(
          name,
          targets.map(() => from),
        );
        for (const [index, to] of targets.entries()) {
          const update = at.app.query(`UPDATE ${table} SET status = $1 WHERE ${idColumn} = $2`, [
            to,
            ids[index],
          ]);
          if (ALLOWED[name]!.includes(`${from}>${to}`)) await update;
          else {
            await expect(update, `${from}>${to}`).rejects.toMatchObject({ code: '23514' });
            refused.push(`${from}>${to}`);
          }
        }
      }
      const pairs = states.length * states.length;
      expect(refused).toHaveLength(pairs - ALLOWED[name]!.length);
    },
  );

  it.each(MACHINES)('lets the app begin a $name in an initial state only', async ({ name }) => {
    for (const state of STATES[name]!) {
      const insert = at.app.query(INSERT[name]!, [at.tenantId, [state]]);
      if (INITIAL[name]!.includes(state)) await insert;
      else {
        await expect(insert, state).rejects.toMatchObject({
          code: '23514',
          constraint: `${name}_initial`,
        });
      }
    }
  });

  it('refuses a batch whole for one bad row', async () => {
    const ids = await rowsIn('withdrawal', [...Array(499).fill('RESERVED'), 'FAILED']);
    await expect(
      at.app.query(`UPDATE withdrawal SET status = 'APPROVED' WHERE withdrawal_id = ANY($1)`, [
        ids,
      ]),
    ).rejects.toMatchObject({ constraint: 'withdrawal_transition' });
    const left = await at.rows<{ n: number }>(
      `SELECT count(*)::int AS n FROM withdrawal WHERE withdrawal_id = ANY($1) AND status = 'APPROVED'`,
      [ids],
    );
    expect(left[0]!.n).toBe(0);
    await expect(
      at.app.query(INSERT['withdrawal']!, [at.tenantId, ['RESERVED', 'COMPLETED']]),
    ).rejects.toMatchObject({ constraint: 'withdrawal_initial' });
  });

  it('refuses another id, to the app by its rights and to the owner by the trigger', async () => {
    for (const [name, state] of [
      ['withdrawal', 'RESERVED'],
      ['tx', 'CREATED'],
      ['payment', 'AUTH_SIGNED'],
    ] as const) {
      const [id] = await rowsIn(name, [state]);
      const update = `UPDATE ${name} SET ${name}_id = gen_random_uuid() WHERE ${name}_id = $1`;
      await expect(at.app.query(update, [id])).rejects.toMatchObject({ code: '42501' });
      await expect(at.owner.query(update, [id])).rejects.toMatchObject({
        constraint: `${name}_transition`,
      });
    }
  });

  it('moves by advance() only what stands where it was seen, with one event each', async () => {
    const [one, two, gone] = await rowsIn('withdrawal', ['RESERVED', 'RESERVED', 'CANCELLED']);
    const moved = await advance(
      at.app,
      WITHDRAWAL,
      [one!, two!, gone!].map((id) => ({ id, from: 'RESERVED', to: 'APPROVED', data: { id } })),
      { risk_tier: { type: 'text', values: ['low', 'high', 'low'] } },
    );
    expect(moved).toEqual(new Set([one, two]));
    const again = await advance(at.app, WITHDRAWAL, [
      { id: one!, from: 'RESERVED', to: 'APPROVED' },
    ]);
    expect(again).toEqual(new Set());
    expect(await advance(at.app, WITHDRAWAL, [])).toEqual(new Set());
    const events = await at.rows(
      'SELECT subject_id, from_state, to_state, tenant_id, data FROM event WHERE subject_id = ANY($1)',
      [[one, two, gone]],
    );
    expect(events).toHaveLength(2);
    expect(events).toContainEqual({
      subject_id: two,
      from_state: 'RESERVED',
      to_state: 'APPROVED',
      tenant_id: at.tenantId,
      data: { id: two },
    });
    const rows = await at.rows('SELECT risk_tier FROM withdrawal WHERE withdrawal_id = $1', [two]);
    expect(rows).toEqual([{ risk_tier: 'high' }]);
  });

  it('refuses, inside advance(), columns that do not match the moves and a pair that is no move', async () => {
    const [id] = await rowsIn('withdrawal', ['RESERVED']);
    const move = { id: id!, from: 'RESERVED', to: 'COMPLETED' } as const;
    await expect(
      advance(at.app, WITHDRAWAL, [move], { risk_tier: { type: 'text', values: [] } }),
    ).rejects.toThrow(/0 values for 1 moves/);
    await expect(advance(at.app, WITHDRAWAL, [move])).rejects.toMatchObject({ code: '23514' });
    const events = await at.rows('SELECT 1 FROM event WHERE subject_id = $1', [id]);
    expect(events).toEqual([]);
  });
});

const INSERT: Record<string, string> = {
  withdrawal: `INSERT INTO withdrawal (withdrawal_id, tenant_id, account, asset, amount, fee, recipient,
      idempotency_key, correlation_id, status)
    SELECT gen_random_uuid(), $1, 'alice', 'USDC', 1, 0, decode(repeat('11', 20), 'hex'), 'k', 'c', s
    FROM unnest($2::text[]) s RETURNING withdrawal_id AS id`,
  tx: `INSERT INTO tx (tenant_id, owner_kind, owner_id, intent_id, operation, idempotency_key, chain_id, asset,
      recipient, amount, settle_at, correlation_id, status)
    SELECT $1, 'withdrawal', gen_random_uuid(), sha256(gen_random_uuid()::text::bytea), 'withdrawal', 'k', 1,
      'USDC', decode(repeat('11', 20), 'hex'), 1, 'safe', 'c', s
    FROM unnest($2::text[]) s RETURNING tx_id AS id`,
  approval: `INSERT INTO approval_request (tenant_id, owner_id, decision_id, requirements, wallet_group, chain_id, asset,
      recipient, amount, fee_cap, intent_id, policy_version, initiator, expiry, correlation_id, status)
    SELECT $1, gen_random_uuid(), gen_random_uuid(), '[]', 'hot', 1, 'USDC', decode(repeat('11', 20), 'hex'), 1, 1,
      sha256(gen_random_uuid()::text::bytea), 'v', 'k', 1, 'c', s
    FROM unnest($2::text[]) s RETURNING request_id AS id`,
  payment: `INSERT INTO payment (tenant_id, merchant_id, endpoint, fingerprint, authorization_id, converged_on, chain_id,
      asset, token, payer, pay_to, amount, valid_after, valid_before, nonce, signature, wait_until, commit_at, risk_tier,
      correlation_id, method, status)
    SELECT $1, gen_random_uuid(), '', gen_random_uuid(), sha256(gen_random_uuid()::text::bytea), gen_random_uuid(), 1,
      'USDC', decode(repeat('11', 20), 'hex'), decode(repeat('22', 20), 'hex'), decode(repeat('33', 20), 'hex'), 1, 0, 1,
      sha256(''), '', 'included', 'safe', 'low', 'c', 'eip3009', s
    FROM unnest($2::text[]) s RETURNING payment_id AS id`,
  policy_change: `INSERT INTO policy_change (tenant_id, version, effect, tightens, differences, reason, drafted_by,
      correlation_id, status)
    SELECT $1, version, 'neutral', false, '[]', 'why', person_id, 'c', s
    FROM unnest($2::text[]) s, policy_version, person RETURNING change_id AS id`,
  gateway_call: `INSERT INTO gateway_call (call_id, tenant_id, endpoint_id, request_hash, authorization_id, payment_id,
      correlation_id, status, signature_hash)
    SELECT gen_random_uuid(), $1, gen_random_uuid(), sha256(''), sha256(gen_random_uuid()::text::bytea),
      gen_random_uuid(), 'c', s, sha256('')
    FROM unnest($2::text[]) s RETURNING call_id AS id`,
};
