import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Hex } from '../../base/kernel/index.ts';
import { type Keystore, signBatch } from './index.ts';
import { type Installation, startInstallation } from './installation.fixture.ts';
import { type Batch, signOpen } from './step.ts';

let home: Installation;
beforeEach(async () => {
  home = await startInstallation();
});
afterEach(() => home.stop());

async function orders(count: number): Promise<{ requestId: string; intentId: Hex }[]> {
  const made: { requestId: string; intentId: Hex }[] = [];
  for (let n = 0; n < count; n += 1) made.push(await home.order({ key: `k${n}`, nonce: n }));
  return made;
}
const handedOver = async () =>
  (
    await home.owner.query(
      'SELECT signature_request_id AS id FROM signature ORDER BY created_at, 1',
    )
  ).rows.length;

describe('batch after batch, the signer', () => {
  it('answers all that is open, recorded and handed over in the order in which it was claimed', async () => {
    const all = await orders(5);
    const kept: Batch[] = [];
    const left = await signOpen(home.signer('one'), 2, (batch) => {
      kept.push(batch);
      return true;
    });
    expect(left).toBe('idle');
    expect(kept.map(({ signed }) => signed)).toEqual([2, 2, 1]);
    expect(
      await home.journalRows('SELECT height::int, entries FROM journal_batch ORDER BY height'),
    ).toEqual([
      { height: 1, entries: 2 },
      { height: 2, entries: 2 },
      { height: 3, entries: 1 },
    ]);
    const journaled = await home.journalRows(
      'SELECT signature_request_id AS id FROM journal WHERE signed IS NOT NULL ORDER BY height',
    );
    expect(journaled.map(({ id }) => id)).toEqual(all.map(({ requestId }) => requestId));
    const { rows } = await home.owner.query('SELECT height::int FROM journal_seal');
    expect(rows).toEqual([{ height: 3 }]);
  });

  it('asks no key before the journal has what it signs, and the witness has seen that', async () => {
    await orders(6);
    const signer = home.signer('one');
    const early: string[] = [];
    const keystore: Keystore = {
      address: (keyId) => signer.keystore.address(keyId),
      async sign(keyId, digest) {
        const [row] = await home.journalRows(
          `SELECT batch::int AS batch FROM journal WHERE fingerprint = '\\x${digest.toString('hex')}'`,
        );
        const seen = await home.witness.read();
        if (row === undefined || seen === null || seen.height < BigInt(row['batch'] as number)) {
          early.push(digest.toString('hex'));
        }
        return signer.keystore.sign(keyId, digest);
      },
    };
    await signOpen({ ...signer, keystore }, 2, () => true);
    expect(early).toEqual([]);
    // What came too late for its batch is owed, not lost: its order is claimed.
    expect(await home.journalRows('SELECT 1 FROM journal')).toHaveLength(6);
  });

  it('finishes what is under way when it is told to stop, and leaves the rest open', async () => {
    await orders(7);
    const kept: Batch[] = [];
    const signer = home.signer('one');
    const left = await signOpen(signer, 2, (batch) => {
      kept.push(batch);
      return false;
    });
    expect(left).toBe('more');
    const signed = kept.reduce((sum, batch) => sum + batch.signed, 0);
    expect(signed).toBeLessThan(7);
    expect(await handedOver()).toBe(signed);
    await signBatch(signer, 10);
    expect(await handedOver()).toBe(7);
  });

  it('tells what a claim broke on after the batch before it was handed over', async () => {
    await orders(4);
    const signer = home.signer('one');
    let claims = 0;
    const main = new Proxy(signer.main, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'connect') return typeof value === 'function' ? value.bind(target) : value;
        return async () => {
          const client = await target.connect();
          const query = client.query.bind(client) as (...args: unknown[]) => unknown;
          client.query = ((...args: unknown[]) => {
            if ((args[0] as { name?: string }).name === 'signer_claim_open') {
              claims += 1;
              if (claims === 2) throw new Error('the second claim breaks');
            }
            return query(...args);
          }) as typeof client.query;
          return client;
        };
      },
    });
    const kept: Batch[] = [];
    const signing = signOpen({ ...signer, main }, 2, (batch) => kept.push(batch) > 0);
    await expect(signing).rejects.toThrow('the second claim breaks');
    expect(kept.map(({ signed }) => signed)).toEqual([2]);
    expect(await handedOver()).toBe(2);
  });
});
