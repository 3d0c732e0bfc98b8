import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabases, testDatabases } from '../../../test/support/postgres.ts';
import { finish } from '../../../test/support/steps/finish.ts';
import { brokenLaws } from '../../../test/support/steps/laws.ts';
import { recipient } from '../../../test/support/steps/payments.ts';
import type { Processes } from '../../../test/support/steps/processes.ts';
import { Road } from '../../../test/support/steps/road.ts';
import type { ChainPort } from '../../base/chain/index.ts';
import { formatAmount } from '../../base/kernel/index.ts';

/** What the node says a call of a token takes. */
const DEAR = 300_000n;

const dear = (chain: ChainPort): ChainPort =>
  new Proxy(chain, {
    get: (target, name: keyof ChainPort) =>
      name === 'estimateGas'
        ? async (calls: Parameters<ChainPort['estimateGas']>[0]) =>
            (await target.estimateGas(calls)).map((estimate, index) =>
              estimate.ok && calls[index]!.data !== '0x' ? { ok: true, gas: DEAR } : estimate,
            )
        : target[name],
  });

describe('a batch of which some take more gas than is thought at first', () => {
  let databases: TestDatabases;
  let road: Road;
  let on: Processes;
  beforeAll(async () => {
    databases = await testDatabases();
    road = await Road.open(databases, {
      bend: (wires) => ({ ...wires, chain: dear(wires.chain) }),
    });
  });
  beforeEach(async () => {
    await road.reset();
    on = await road.start();
  });
  afterAll(async () => {
    await road?.close();
    await databases?.drop();
  });

  const submit = async (asset: string, amounts: readonly string[]) => {
    const orders = amounts.map((amount, n) => {
      const key = `${asset}-${amount}-${n}`;
      const body = { account: 'alice', asset, amount, to: recipient(n) };
      return { idempotencyKey: key, correlationId: key, body };
    });
    await on.service.submit(road.tenantId, orders);
    await on.job('withdrawal.requested');
  };
  const rows = async <Row extends object>(text: string) => (await road.owner.query<Row>(text)).rows;

  it('gives the others their slots, and tells those that the lane has no gas for', async () => {
    await submit('ETH', Array<string>(39).fill('50'));
    await on.job('tx.prepare');
    const [before] = await rows<{ fee: bigint; free: bigint }>(`
      SELECT max_fee_per_gas AS fee, (SELECT balance FROM ledger_balance
        WHERE kind = 'hot' AND asset LIKE '%slip44:60') AS free FROM signature_request LIMIT 1`);
    const { fee, free } = before!;
    // Enough is left for the coin's gas, and for two calls as they are thought to be.
    await submit('ETH', [formatAmount(free - 350_000n * fee, 18)]);
    await submit('USDC', ['1', '1']);
    await on.job('tx.prepare');
    expect(
      await rows(`SELECT asset LIKE '%slip44:60' AS coin, status, waiting FROM tx
        ORDER BY tx_id OFFSET 39`),
    ).toEqual([
      { coin: true, status: 'SLOTTED', waiting: null },
      { coin: false, status: 'CREATED', waiting: 'lane_gas' },
      { coin: false, status: 'CREATED', waiting: 'lane_gas' },
    ]);
    // What the coin's transactions did not take of their gas is not enough for one call of 375,000.
    road.chain.give(road.settings.lanes[0]!.address, 10n ** 18n);
    expect(await finish(road, on)).toEqual([]);
    expect(await brokenLaws(road, true)).toEqual([]);
  });
});
