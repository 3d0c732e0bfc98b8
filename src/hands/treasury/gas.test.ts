import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabases, testDatabases } from '../../../test/support/postgres.ts';
import { finish } from '../../../test/support/steps/finish.ts';
import { brokenLaws } from '../../../test/support/steps/laws.ts';
import { recipient } from '../../../test/support/steps/payments.ts';
import type { Processes } from '../../../test/support/steps/processes.ts';
import { Road } from '../../../test/support/steps/road.ts';
import { inTransaction } from '../../base/db/index.ts';
import { requestGas } from '../../books/tx/index.ts';

const ETHER = 10n ** 18n;

describe('the gas of a lane', () => {
  let databases: TestDatabases;
  let road: Road;
  let on: Processes;
  beforeAll(async () => {
    databases = await testDatabases();
    road = await Road.open(databases);
  });
  beforeEach(async () => {
    await road.reset();
    on = await road.start();
  });
  afterAll(async () => {
    await road?.close();
    await databases?.drop();
  });

  const lane = () => road.settings.lanes[0]!.address;
  const submit = async (count: number, asset = 'USDC') => {
    const orders = Array.from({ length: count }, (_, n) => ({
      ...{ idempotencyKey: `${asset}-${n}`, correlationId: `${asset}-${n}` },
      body: { account: 'alice', asset, amount: '1', to: recipient(n) },
    }));
    await on.service.submit(road.tenantId, orders);
  };
  /** Up to the job: paid and final, and its gas not booked. */
  const final = async (count: number, asset = 'USDC') => {
    await submit(count, asset);
    for (const topic of ['withdrawal.requested', 'tx.prepare']) await on.job(topic);
    await on.sign();
    await on.collect();
    road.chain.mine(9);
    while (await on.observe());
  };
  const stretches = async () => {
    const { rows } = await road.owner.query<{
      slots: bigint;
      by: string;
      arrived: bigint;
      cost: bigint;
    }>(`SELECT to_nonce - from_nonce AS slots, gas_by AS by, arrived, gas_cost AS cost
        FROM lane_stretch WHERE above_block IS NOT NULL ORDER BY up_to_block`);
    return rows;
  };
  const calm = async () => {
    expect(await finish(road, on)).toEqual([]);
    expect(await brokenLaws(road, true)).toEqual([]);
  };

  it('is booked by the balance alone, without one receipt, for any number of payments of a token', async () => {
    const asked = road.node.counts()['receipts'] ?? 0;
    await final(20);
    expect(road.node.counts()['receipts'] ?? 0).toBe(asked);
    await on.job('tx.gas');
    expect(await stretches()).toMatchObject([{ slots: 20n, by: 'balance', arrived: 0n }]);
    expect(road.node.counts()).toMatchObject({ balances: expect.any(Number) });
    expect(road.node.counts()['receipts'] ?? 0).toBe(asked);
    await calm();
  });

  it('of payments in the native coin is what the lane holds less by more than it paid', async () => {
    await final(3, 'ETH');
    await on.job('tx.gas');
    expect(await stretches()).toMatchObject([{ slots: 3n, by: 'balance', arrived: 0n }]);
    await calm();
  });

  it('is added up from receipts where the node has no state of the block', async () => {
    await final(4);
    road.node.failNext('balances', { kind: 'says', message: 'missing trie node' });
    await on.job('tx.gas');
    const [stretch] = await stretches();
    expect(stretch).toMatchObject({ slots: 4n, by: 'receipts', arrived: 0n });
    await calm();
  });

  it('waits, and is tried again for ever, where the node can not be asked', async () => {
    await final(2);
    for (const method of ['balances', 'receipts'] as const) {
      road.node.failNext(method, { kind: 'busy', status: 503 });
    }
    await on.job('tx.gas');
    expect(await stretches()).toEqual([]);
    const { rows } = await road.owner.query(
      `SELECT attempts FROM job WHERE topic = 'tx.gas' AND run_at > now()`,
    );
    expect(rows).toEqual([{ attempts: 0 }]);
    await calm();
    expect(await stretches()).toMatchObject([{ slots: 2n, by: 'balance' }]);
  });

  it('leaves out what arrived beside it, which is funds', async () => {
    await final(2);
    road.chain.give(lane(), 3n * ETHER);
    await on.job('tx.gas');
    expect(await stretches()).toMatchObject([{ slots: 2n, by: 'receipts', arrived: 3n * ETHER }]);
    await calm();
  });

  it('leaves out what is missing, which goes to suspense and is told', async () => {
    await final(2);
    road.chain.give(lane(), -ETHER);
    await on.job('tx.gas');
    expect(await stretches()).toMatchObject([{ slots: 2n, by: 'receipts', arrived: -ETHER }]);
    const { rows } = await road.owner.query(
      `SELECT balance FROM ledger_account WHERE kind = 'suspense'`,
    );
    expect(rows).toEqual([{ balance: ETHER }]);
    const { rows: told } = await road.owner.query(
      `SELECT data ->> 'amountAtomic' AS amount FROM event WHERE type = 'lane.unexplained'`,
    );
    expect(told).toEqual([{ amount: String(ETHER) }]);
    expect(road.told.join()).toContain('lane_unexplained');
    await calm();
  });

  it('is not waited for: coin that comes to a lane with nothing under way is found every 32 final blocks', async () => {
    road.chain.give(lane(), 7n);
    road.chain.mine(20);
    while (await on.observe());
    expect(await on.job('tx.gas')).toBe(0);
    road.chain.mine(20);
    while (await on.observe());
    expect(await on.job('tx.gas')).toBe(1);
    expect(await stretches()).toMatchObject([{ slots: 0n, cost: 0n, arrived: 7n }]);
    await calm();
  });
});

it('more arrivals on one lane than a round takes leave none of another lane behind', async () => {
  const databases = await testDatabases();
  const road = await Road.open(databases, { lanes: 2 });
  const on = await road.start();
  const [asset] = road.settings.assets.map(({ caip19 }) => caip19);
  await road.owner.query(
    `INSERT INTO arrival (chain_id, tx_hash, log_index, lane_id, asset, amount, sender, block_number)
     SELECT 31337, decode(lpad(to_hex(n), 64, '0'), 'hex'), 0, CASE WHEN n > 1000 THEN 2 ELSE 1 END, $1, 1,
       decode(repeat('5a', 20), 'hex'), 1 FROM generate_series(1, 1001) AS n`,
    [asset],
  );
  const lanes = [1, 2].map((laneId) => ({ laneId, tenantId: road.tenantId }));
  await inTransaction(road.wires.app, (sql) => requestGas(sql, lanes));
  while ((await on.job('tx.gas')) > 0);
  const { rows } = await road.owner.query(
    'SELECT lane_id, count(*)::int AS open FROM arrival WHERE transfer_id IS NULL GROUP BY 1',
  );
  expect(rows).toEqual([]);
  await road.close();
  await databases.drop();
});
