import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { caip19, fromHex, toHex } from '../../../base/kernel/index.ts';
import { judgeQuestions, signBatch } from '../index.ts';
import {
  CHAIN,
  GWEI,
  type Installation,
  LANES,
  startInstallation,
  TOKEN,
} from '../installation.fixture.ts';

const HOUR = 3_600_000;
let at: Installation;
beforeEach(async () => {
  at = await startInstallation(undefined, {
    limits: [
      {
        walletGroup: 'demo',
        asset: caip19(CHAIN, TOKEN),
        perTransaction: 90n,
        windows: [{ ms: HOUR, amount: 100n }],
      },
    ],
  });
});
afterEach(() => at.stop());

/** A transaction that has no slot, asked about as the broadcaster does. Returns what gives it its slot. */
async function asked(key: string, nonce: number, amount: bigint) {
  const made = await at.order({ key, nonce, amount });
  const { rows } = await at.owner.query(
    `WITH r AS (DELETE FROM signature_request WHERE tx_id = $1 RETURNING *),
      s AS (DELETE FROM nonce_slot WHERE tx_id = $1 RETURNING effect_digest)
     SELECT r.lane_id, s.effect_digest FROM r, s`,
    [made.txId],
  );
  await ask(made.txId);
  return {
    ...made,
    slot: async () => {
      await at.owner.query(
        `INSERT INTO nonce_slot (lane_id, nonce, chain_id, from_address, tx_id, effect_digest, gas_reserved)
         VALUES ($1, $2, $3, $4, $5, $6, 1)`,
        [rows[0].lane_id, nonce, CHAIN, fromHex(LANES[0]!), made.txId, rows[0].effect_digest],
      );
      return at.request(made.txId);
    },
  };
}

const ask = (txId: string) =>
  at.owner.query(
    `INSERT INTO dry_verdict AS v (tx_id, lane_id, decision_id, tx_type, gas_limit, max_fee_per_gas, max_priority_fee_per_gas)
     SELECT tx_id, $2, decision_id, 2, 60000, $3, 1 FROM tx WHERE tx_id = $1
     ON CONFLICT (tx_id) DO UPDATE SET question = v.question + 1`,
    [txId, at.laneIds[0], 10n * GWEI],
  );

async function said(txId: string): Promise<string | null> {
  const { rows } = await at.owner.query(
    `SELECT CASE WHEN answered = question THEN coalesce(refusal_code, 'yes') END AS said FROM dry_verdict WHERE tx_id = $1`,
    [txId],
  );
  return rows[0].said;
}

describe('before there is a slot, the signer', () => {
  it('says yes to what it then signs, and leaves nothing in the journal', async () => {
    const one = await asked('one', 0, 90n);
    const signer = at.signer('s');
    expect(await judgeQuestions(signer, 10)).toEqual({ answered: 1, more: false });
    expect(await said(one.txId)).toBe('yes');
    expect(
      await at.journalRows('SELECT 1 FROM slot_binding UNION ALL SELECT 1 FROM journal'),
    ).toEqual([]);
    const requestId = await one.slot();
    expect(await signBatch(signer, 10)).toMatchObject({ signed: 1, refused: 0 });
    expect(await at.signature(requestId)).toMatchObject({ refusal: null });
    expect(await judgeQuestions(signer, 10)).toEqual({ answered: 0, more: false });
  });

  it('says what it refuses, and writes it into its own log of refusals', async () => {
    const over = await asked('over', 0, 91n);
    const edited = await asked('edited', 1, 5n);
    await at.owner.query(`UPDATE tx SET idempotency_key = 'another' WHERE tx_id = $1`, [
      edited.txId,
    ]);
    await judgeQuestions(at.signer('s'), 10);
    expect([await said(over.txId), await said(edited.txId)]).toEqual([
      'limit_per_transaction',
      'intent_mismatch',
    ]);
    const rows = await at.journalRows(
      'SELECT signature_request_id, tx_id, intent_id, code FROM refusal ORDER BY code',
    );
    expect(rows).toMatchObject([
      { signature_request_id: null, tx_id: edited.txId, code: 'intent_mismatch' },
      { signature_request_id: null, tx_id: over.txId, code: 'limit_per_transaction' },
    ]);
    expect(toHex(rows[1]!.intent_id as Buffer)).toBe(over.intentId);
  });

  it('promises what a window holds once, also over several looks and signers', async () => {
    const first = await asked('first', 0, 60n);
    const second = await asked('second', 1, 60n);
    await judgeQuestions(at.signer('s'), 10);
    expect([await said(first.txId), await said(second.txId)]).toEqual(['yes', 'limit_window']);
    const third = await asked('third', 2, 41n);
    const fourth = await asked('fourth', 3, 40n);
    await judgeQuestions(at.signer('t'), 10);
    expect([await said(third.txId), await said(fourth.txId)]).toEqual(['limit_window', 'yes']);
  });

  it('counts what was promised and signed once, and a question that is asked again once', async () => {
    const signer = at.signer('s');
    const first = await asked('first', 0, 60n);
    await judgeQuestions(signer, 10);
    await ask(first.txId);
    await judgeQuestions(signer, 10);
    expect(await said(first.txId)).toBe('yes');
    await first.slot();
    await signBatch(signer, 10);
    const second = await asked('second', 1, 40n);
    await judgeQuestions(signer, 10);
    expect(await said(second.txId)).toBe('yes');
    const third = await asked('third', 2, 1n);
    await judgeQuestions(signer, 10);
    expect(await said(third.txId)).toBe('limit_window');
  });

  it('frees what was promised and not taken', async () => {
    const signer = at.signer('s');
    await asked('first', 0, 60n);
    await judgeQuestions(signer, 10);
    await at.journalRows(`UPDATE dry_promise SET until = until - interval '1 hour'`);
    const second = await asked('second', 1, 60n);
    await judgeQuestions(signer, 10);
    expect(await said(second.txId)).toBe('yes');
    expect(await at.journalRows('SELECT 1 FROM dry_promise')).toHaveLength(1);
  });

  it('says nothing about what has a slot in the journal, whatever the main database knows', async () => {
    const signer = at.signer('s');
    const one = await asked('one', 0, 60n);
    await one.slot();
    await signBatch(signer, 10);
    await at.owner.query(
      `UPDATE decision SET verdict = 'deny' WHERE decision_id IN (SELECT decision_id FROM tx)`,
    );
    expect(await judgeQuestions(signer, 10)).toEqual({ answered: 0, more: false });
    expect(await said(one.txId)).toBeNull();
  });

  it('says nothing about what is frozen, and answers what cannot get a slot any more', async () => {
    const frozen = await asked('frozen', 0, 60n);
    const { rows } = await at.owner.query(
      `INSERT INTO api_key (tenant_id, name, scopes) VALUES ($1, 'ada', '{admin}') RETURNING person_id`,
      [at.tenantId],
    );
    await at.owner.query(
      `INSERT INTO operator_freeze (scope, reason, frozen_by, asset) VALUES ('asset', 'why', $1, $2)`,
      [rows[0].person_id, caip19(CHAIN, TOKEN)],
    );
    await judgeQuestions(at.signer('s'), 10);
    expect(await said(frozen.txId)).toBeNull();
    await at.owner.query(`DELETE FROM operator_freeze; UPDATE tx SET status = 'CANCELLED'`);
    await judgeQuestions(at.signer('s'), 10);
    expect(await said(frozen.txId)).toBe('yes');
    expect(await at.journalRows('SELECT 1 FROM dry_promise')).toEqual([]);
  });

  it('answers the newest question alone', async () => {
    const one = await asked('one', 0, 60n);
    await judgeQuestions(at.signer('s'), 10);
    await ask(one.txId);
    expect(await said(one.txId)).toBeNull();
    await judgeQuestions(at.signer('s'), 10);
    expect(await said(one.txId)).toBe('yes');
  });
});
