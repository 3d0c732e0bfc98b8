import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signBatch, takeOverBatch } from './index.ts';
import { CHAIN, GWEI, type Installation, startInstallation } from './installation.fixture.ts';
import { NO_WATERMARK } from './orders.ts';

let home: Installation;
beforeEach(async () => {
  home = await startInstallation();
});
afterEach(() => home.stop());

/** As an operator's order leaves it; returns what two persons do. */
async function freeze(
  scope: string,
  column?: string,
  value?: unknown,
): Promise<() => Promise<void>> {
  const { rows } = await home.owner.query(
    `WITH k AS (INSERT INTO api_key (tenant_id, name, scopes) VALUES ($1, 'ada', '{admin}'), ($1, 'bob', '{admin}')
       RETURNING person_id)
     SELECT array_agg(person_id) AS persons FROM k`,
    [home.tenantId],
  );
  const [ada, bob] = rows[0].persons;
  const more = column === undefined ? ['', ''] : [`, ${column}`, ', $3'];
  const made = await home.owner.query(
    `INSERT INTO operator_freeze (scope, reason, frozen_by${more[0]}) VALUES ($1, 'why', $2${more[1]}) RETURNING freeze_id`,
    column === undefined ? [scope, ada] : [scope, ada, value],
  );
  return async () => {
    await home.owner.query(
      `INSERT INTO operator_freeze_lift (freeze_id, reason, proposed_by, confirmed_by) VALUES ($1, 'why', $2, $3)`,
      [made.rows[0].freeze_id, ada, bob],
    );
  };
}

describe('while an operator has frozen it, the signer', () => {
  it.each<[string, string?, ((at: Installation) => unknown)?]>([
    ['global'],
    ['chain', 'chain_id', () => CHAIN],
    ['tenant', 'tenant_id', (at) => at.tenantId],
    ['asset', 'asset', (at) => at.settings.assets.find(({ id }) => id === 'USDC')!.caip19],
  ])('claims no first attempt (%s), and does when it is lifted', async (scope, column, value) => {
    await home.order({ key: 'a', nonce: 0 });
    const signer = home.signer('one');
    const lift = await freeze(scope, column, value?.(home));
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 0 });
    await lift();
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 1, signed: 1 });
  });

  it('claims what another wallet, asset or chain has', async () => {
    await home.order({ key: 'a', nonce: 0 });
    await home.order({ key: 'b', nonce: 0, lane: 1, token: null });
    const [first] = (await home.owner.query('SELECT lane_id FROM lane ORDER BY 1')).rows;
    await freeze('wallet', 'lane_id', first.lane_id);
    await freeze('chain', 'chain_id', CHAIN + 1);
    expect(await signBatch(home.signer('one'), 500)).toMatchObject({ claimed: 1, signed: 1 });
  });

  it('signs fillers and replacements of what was signed before', async () => {
    const sent = await home.order({ key: 'sent', nonce: 0 });
    const fresh = await home.order({ key: 'fresh', nonce: 0, lane: 1, epoch: 10 });
    const signer = home.signer('one');
    await home.owner.query('UPDATE signature_request SET cancelled_at = now() WHERE tx_id = $1', [
      fresh.txId,
    ]);
    await signBatch(signer, 500);
    await freeze('global');
    await home.request(sent.txId, { maxFeePerGas: 12n * GWEI });
    const filler = await home.request(fresh.txId, { kind: 'filler' });
    expect(await signBatch(signer, 500)).toMatchObject({ claimed: 2, signed: 2, refused: 0 });
    expect(await home.signature(filler)).toMatchObject({ refusal: null });
  });

  it('signs nothing that a signer claimed before, and died, until it is lifted', async () => {
    const { requestId } = await home.order({ key: 'a', nonce: 0 });
    await home.owner.query(
      `UPDATE signature_request SET claimed_by = 'dead', claimed_at = now() - interval '1 hour'`,
    );
    const lift = await freeze('global');
    const signer = home.signer('one');
    const takeOver = () =>
      takeOverBatch(signer, { limit: 9, olderThanMs: 0, watermark: { floor: NO_WATERMARK } });
    expect(await takeOver()).toMatchObject({ claimed: 1, signed: 0, refused: 0 });
    expect(await home.signature(requestId)).toBeNull();
    expect(await home.journalRows('SELECT 1 FROM journal')).toEqual([]);
    await lift();
    expect(await takeOver()).toMatchObject({ claimed: 1, signed: 1 });
  });
});
