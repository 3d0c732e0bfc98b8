import { afterEach, beforeEach, expect, it } from 'vitest';
import { signBatch } from './index.ts';
import { GWEI, type Installation, startInstallation } from './installation.fixture.ts';

let home: Installation;
beforeEach(async () => {
  home = await startInstallation();
});
afterEach(() => home.stop());

const version = (digit: string) => `policy:${digit.repeat(64)}`;

/** As two persons' words leave it. */
async function rule(digit: string, tightens: boolean): Promise<void> {
  await home.owner.query(
    `INSERT INTO policy_version (version, document, canonical) VALUES ($1, '', '{"rules":[]}')`,
    [version(digit)],
  );
  const { rows } = await home.owner.query(
    `WITH k AS (INSERT INTO api_key (tenant_id, name, scopes) VALUES ($1, 'ada', '{admin}'), ($1, 'bob', '{admin}')
       RETURNING person_id)
     SELECT array_agg(person_id) AS persons FROM k`,
    [home.tenantId],
  );
  const [ada, bob] = rows[0].persons;
  const change = await home.owner.query(
    `INSERT INTO policy_change (tenant_id, version, effect, tightens, differences, reason, drafted_by, correlation_id, status)
     VALUES ($1, $2, $3, $4, '[]', 'why', $5, 'c', 'DRAFT') RETURNING change_id`,
    [home.tenantId, version(digit), tightens ? 'tightening' : 'loosening', tightens, ada],
  );
  await home.owner.query(
    `UPDATE policy_change SET status = 'SUPERSEDED' WHERE status = 'EFFECTIVE'`,
  );
  for (const set of [
    `status = 'PROPOSED', proposed_by = '${ada}'`,
    `status = 'EFFECTIVE', confirmed_by = '${bob}', effective_at = clock_timestamp()`,
  ]) {
    await home.owner.query(`UPDATE policy_change SET ${set} WHERE change_id = $1`, [
      change.rows[0].change_id,
    ]);
  }
  await home.owner.query('UPDATE policy_effective SET version = $1', [version(digit)]);
}

/** An order whose decision is of this document; null: of the configuration. */
async function order(key: string, nonce: number, digit: string | null) {
  const made = await home.order({ key, nonce });
  if (digit !== null) {
    await home.owner.query(
      `UPDATE decision SET policy_version = $1 WHERE decision_id = (SELECT decision_id FROM tx WHERE tx_id = $2)`,
      [version(digit), made.txId],
    );
  }
  return made;
}

it('signs what the policy that rules decided, and what one before it did that was only loosened', async () => {
  await rule('a', true);
  await rule('b', false);
  const [older, newer] = [await order('older', 0, 'a'), await order('newer', 1, 'b')];
  expect(await signBatch(home.signer('one'), 500)).toMatchObject({ signed: 2, refused: 0 });
  for (const { requestId } of [older, newer]) {
    expect(await home.signature(requestId)).toMatchObject({ refusal: null });
  }
});

it('refuses a first attempt that a policy decided which was tightened since, and signs its filler', async () => {
  await rule('a', true);
  const stale = await order('stale', 0, 'a');
  const configured = await order('configured', 1, null);
  await rule('b', true);
  const signer = home.signer('one');
  expect(await signBatch(signer, 500)).toMatchObject({ signed: 0, refused: 2 });
  for (const { requestId } of [stale, configured]) {
    expect(await home.signature(requestId)).toMatchObject({ refusal: 'policy_superseded' });
  }
  const filler = await home.request(stale.txId, { kind: 'filler' });
  expect(await signBatch(signer, 500)).toMatchObject({ signed: 1 });
  expect(await home.signature(filler)).toMatchObject({ refusal: null });
});

it('signs a replacement of what was signed before the policy was tightened', async () => {
  await rule('a', true);
  const sent = await order('sent', 0, 'a');
  const signer = home.signer('one');
  await signBatch(signer, 500);
  await rule('b', true);
  await home.request(sent.txId, { maxFeePerGas: 12n * GWEI });
  expect(await signBatch(signer, 500)).toMatchObject({ signed: 1, refused: 0 });
});
