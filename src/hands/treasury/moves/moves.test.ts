import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabases, testDatabases } from '../../../../test/support/postgres.ts';
import { finish } from '../../../../test/support/steps/finish.ts';
import { brokenLaws } from '../../../../test/support/steps/laws.ts';
import { paymentsOn, recipient } from '../../../../test/support/steps/payments.ts';
import type { Processes } from '../../../../test/support/steps/processes.ts';
import { Road } from '../../../../test/support/steps/road.ts';
import { CHAIN_ID, TOP_UP, TREASURY_KEY } from '../../../../test/support/steps/surroundings.ts';
import { verifyOf } from '../../../../test/support/verify.ts';
import { readLanes } from '../../../books/tx/index.ts';

const GWEI = 10n ** 9n;
const ETHER = 10n ** 18n;

let databases: TestDatabases;
let road: Road;
let on: Processes;
beforeAll(async () => {
  databases = await testDatabases();
  road = await Road.open(databases, { treasury: true });
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
const treasury = () => road.settings.lanes[1]!.address;
const rows = async <Row extends object>(text: string) => (await road.owner.query<Row>(text)).rows;
const moves = () =>
  rows('SELECT kind, generation, outcome FROM treasury_move ORDER BY asset, generation');
const told = async () =>
  (await rows<{ type: string }>(`SELECT type FROM event WHERE type LIKE 'lane.%' ORDER BY type`))
    .map(({ type }) => type)
    .filter((type) => type !== 'lane.adopted');
const received = async () =>
  rows(`SELECT lane_id, received, arrived FROM lane_stretch
    WHERE received <> 0 OR arrived <> 0 ORDER BY lane_id, up_to_block`);
/** The signer's word, then the slot. */
const place = async () => {
  await on.job('tx.prepare');
  await on.judgeDry();
  await rows(`UPDATE job SET run_at = now() WHERE topic = 'tx.prepare'`);
  await on.job('tx.prepare');
};
/** Slot, bytes and send; in the pool of the node. */
const send = async () => {
  await place();
  await on.sign();
  await on.collect();
};
const mine = async (blocks: number) => {
  road.chain.mine(blocks);
  while (await on.observe());
};
/** To the end, by every law that needs no node. */
const calm = async () => {
  expect(await finish(road, on)).toEqual([]);
  expect(await brokenLaws(road, true)).toEqual([]);
  const { mainUrl, signerUrl } = databases;
  const { laws } = await verifyOf({ mainUrl, signerUrl, nodes: [] });
  expect(laws.filter(({ status }) => status === 'broken')).toEqual([]);
};

describe('a top-up', () => {
  beforeEach(async () => {
    expect(await on.topUp()).toBe(1);
    expect(await on.topUp()).toBe(0);
  });
  const ended = async (outcome: 'arrived' | 'unpaid') => {
    expect(await moves()).toEqual([{ kind: 'topup', generation: 1, outcome }]);
    const arrived = outcome === 'arrived';
    expect(paymentsOn(road).get(lane()) ?? []).toEqual(arrived ? [TOP_UP.amount] : []);
    expect(await told()).toEqual(expect.arrayContaining(['lane.top_up', `lane.top_up_${outcome}`]));
  };

  it('is funds of the lane when it is final, and no arrival', async () => {
    await calm();
    await ended('arrived');
    await mine(40);
    await calm();
    expect(await received()).toEqual([{ lane_id: 1, received: TOP_UP.amount, arrived: 0n }]);
    expect(await on.topUp()).toBe(0);
  });

  it('leaves the gas of payments in the same blocks to the balance, and coin of a stranger to arrive', async () => {
    const order = { idempotencyKey: 'one', correlationId: 'one' };
    const body = { account: 'alice', asset: 'ETH', amount: '1', to: recipient(1) };
    await on.service.submit(road.tenantId, [{ ...order, body }]);
    await on.job('withdrawal.requested');
    await send();
    await mine(9);
    await calm();
    const [stretch] = await rows(
      `SELECT gas_by, received FROM lane_stretch WHERE sent > 0 AND lane_id = 1`,
    );
    expect(stretch).toEqual({ gas_by: 'balance', received: TOP_UP.amount });
    road.chain.give(lane(), 3n * ETHER);
    await mine(40);
    await calm();
    expect(await received()).toEqual([
      { lane_id: 1, received: TOP_UP.amount, arrived: 0n },
      { lane_id: 1, received: 0n, arrived: 3n * ETHER },
    ]);
  });

  it('that reverts is back on the wallet that it was to leave, and asked for anew an hour later', async () => {
    await send();
    road.chain.revertNext(({ value }) => value === TOP_UP.amount);
    await calm();
    await ended('unpaid');
    expect(await on.topUp()).toBe(0);
    await road.clock.elapse(3_601_000);
    await on.leases.renew();
    expect(await on.topUp()).toBe(1);
    await calm();
    expect(await moves()).toEqual([
      { kind: 'topup', generation: 1, outcome: 'unpaid' },
      { kind: 'topup', generation: 2, outcome: 'arrived' },
    ]);
    expect(paymentsOn(road).get(lane())).toEqual([TOP_UP.amount]);
  });

  it('in a block that is reorged away arrives by the same bytes, once', async () => {
    await send();
    // Below safe.
    await mine(5);
    expect(await moves()).toMatchObject([{ outcome: null }]);
    road.chain.reorg(5, { toPool: false });
    road.chain.mine(1);
    while (await on.observe());
    expect(await rows('SELECT reorgs FROM tx')).toEqual([{ reorgs: 1 }]);
    await calm();
    await ended('arrived');
    expect(await rows('SELECT FROM attempt')).toHaveLength(1);
  });

  it('that blocks pass over bids more, and one of its attempts arrives', async () => {
    await send();
    road.chain.setBaseFee(9n * GWEI);
    await road.clock.elapse(31_000);
    await on.leases.renew();
    await mine(1);
    await on.replace();
    await on.sign();
    await on.collect();
    expect(await rows('SELECT kind FROM attempt')).toEqual([
      { kind: 'effect' },
      { kind: 'effect' },
    ]);
    await calm();
    await ended('arrived');
  });

  it('whose bytes every node refuses for good is closed by its filler', async () => {
    await on.job('tx.prepare');
    await on.sign();
    road.node.failNext('send', { kind: 'says', message: 'execution reverted' });
    await on.collect();
    await calm();
    await ended('unpaid');
    expect(await rows('SELECT status FROM tx')).toEqual([{ status: 'CANCELLED' }]);
  });

  it('whose nonce somebody else used is unpaid when that is final, and its wallet is frozen', async () => {
    const [, wallet] = await readLanes(road.owner);
    const account = privateKeyToAccount(TREASURY_KEY);
    const bytes = await account.signTransaction({
      ...{ type: 'eip1559', chainId: CHAIN_ID, nonce: Number(wallet!.nextNonce), gas: 21_000n },
      ...{ maxFeePerGas: 200n * GWEI, maxPriorityFeePerGas: 100n * GWEI },
      ...{ to: recipient(9), value: 5n },
    });
    road.chain.take(Buffer.from(bytes.slice(2), 'hex'));
    await place();
    await on.sign();
    await on.collect();
    for (let block = 0; block < 10; block += 1) await mine(1);
    expect(await on.job('topup.final')).toBe(1);
    await ended('unpaid');
    expect(await rows('SELECT status FROM tx')).toEqual([{ status: 'REPLACED' }]);
    const [, frozen] = await readLanes(road.owner);
    expect(frozen).toMatchObject({ address: treasury(), pausedReason: 'foreign_nonce' });
    expect(await on.topUp()).toBe(0);
  });

  it('waits while its chain is halted', async () => {
    await send();
    await mine(9);
    await road.owner.query(`UPDATE chain_head SET halted_reason = 'a test', halted_at = now()`);
    expect(await on.job('topup.final')).toBe(1);
    expect(await moves()).toMatchObject([{ outcome: null }]);
    await road.owner.query('UPDATE chain_head SET halted_reason = NULL, halted_at = NULL');
    await calm();
    await ended('arrived');
  });
});

describe('a sweep', () => {
  it('takes coin and tokens to the treasury wallet, once each, and neither is an arrival', async () => {
    expect(await on.sweepLanes([1, 2])).toBe(2);
    expect(await on.sweepLanes([1, 2])).toBe(0);
    await calm();
    await mine(40);
    await calm();
    expect(await moves()).toEqual([
      { kind: 'sweep', generation: 1, outcome: 'arrived' },
      { kind: 'sweep', generation: 1, outcome: 'arrived' },
    ]);
    expect(paymentsOn(road).get(treasury())).toEqual([1_000n * ETHER, 500_000_000_000n]);
    expect(await rows('SELECT FROM arrival')).toEqual([]);
    expect(await received()).toEqual([{ lane_id: 2, received: 1_000n * ETHER, arrived: 0n }]);
  });

  it('that is reorged away arrives once', async () => {
    await on.sweepLanes([1]);
    await send();
    await mine(5);
    road.chain.reorg(5, { toPool: false });
    await mine(1);
    await calm();
    expect(paymentsOn(road).get(treasury())).toHaveLength(2);
  });
});
