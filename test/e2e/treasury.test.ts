import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeChain } from '../../src/base/chain/index.ts';
import type { Settings } from '../../src/base/config/index.ts';
import { type Db, openPool } from '../../src/base/db/index.ts';
import { readLanes } from '../../src/books/tx/index.ts';
import { runCli } from '../../src/doors/cli/index.ts';
import { sweepLanes, topUpLanes } from '../../src/hands/treasury/index.ts';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient, tokenPayments } from '../support/laws.ts';
import {
  ETHER,
  KEEP_USDC,
  movesOf,
  TOP_UP,
  TREASURY,
  withTreasury,
} from '../support/treasury-wallet.ts';
import { until } from '../support/until.ts';

let on: Installation;
let db: Db;
/** What the signer is told of top-ups, in place of what the worker has. */
let signerTopUp: Settings['treasury'][number]['topUp'] = TOP_UP;

beforeAll(async () => {
  on = await Installation.start({
    lanes: 2,
    settings: withTreasury(TOP_UP),
    roleSettings: (role, settings) =>
      role === 'signer'
        ? {
            ...settings,
            treasury: settings.treasury.map((one) => ({ ...one, topUp: signerTopUp })),
          }
        : settings,
  });
  db = openPool({ url: on.databases.mainUrl, role: 'payonce_app', name: 'test', max: 2 });
  await on.deposit('alice', 'USDC', '100000');
});
afterAll(async () => {
  await db?.end();
  await on?.stop();
});

const context = () => movesOf(on, db);
const moves = () =>
  on.rows<{ kind: string; to_lane: number; generation: number; outcome: string | null }>(
    'SELECT kind, to_lane, generation, outcome FROM treasury_move ORDER BY move_id',
  );
const ended = () =>
  until('every move to end', async () => (await moves()).every(({ outcome }) => outcome !== null));
const hot = async (laneId: number, asset: string) => {
  const [row] = await on.rows<{ balance: bigint }>(
    `SELECT balance FROM ledger_account WHERE kind = 'hot' AND owner = $1 AND asset LIKE $2`,
    [String(laneId), asset],
  );
  return row!.balance;
};

/** The configuration of the wallets, as a person writes it. */
function configOf({ settings }: Installation) {
  const [chain] = settings.chains;
  const { address } = settings.assets.find(({ id }) => id === 'USDC')!;
  const wallets = (purpose: string) =>
    settings.lanes
      .filter((lane) => lane.purpose === purpose)
      .map(({ address, key }) => ({ chain: chain!.id, address, key, tenant: 'demo' }));
  return {
    chains: [
      {
        ...{ id: chain!.id, chainId: chain!.chainId, rpc: [{ url: chain!.rpc[0]!.url }] },
        fees: { maxFeePerGasGwei: '50' },
      },
    ],
    assets: [
      {
        ...{ id: 'USDC', chain: chain!.id, address, decimals: 6 },
        tiers: [{ name: 'low', commitAt: 'safe' }],
      },
    ],
    lanes: wallets('pay'),
    treasury: wallets('treasury').map((wallet) => ({
      ...wallet,
      keep: [{ asset: 'USDC', amount: '9000000' }],
    })),
  };
}

async function sweepByHand(config: object) {
  const file = join(on.folder, 'payonce.yaml');
  writeFileSync(file, JSON.stringify(config));
  const ran = { code: -1, out: '', err: '' };
  ran.code = await runCli(['cron', 'sweep', '--json', '--config', file], {
    stdout: { write: (text: string) => (ran.out += text) },
    stderr: { write: (text: string) => (ran.err += text) },
    env: { DATABASE_URL: on.databases.mainUrl },
    cwd: on.folder,
    doors: {
      readDevFile: () => null,
      start: async () => 0,
      facilitator: async () => 0,
      bench: async () => 0,
      portOf: () => new NodeChain({ url: on.anvil.url }),
    },
  });
  return ran;
}

describe('the treasury wallet', () => {
  it('pays no withdrawal', async () => {
    for (let n = 1; n <= 4; n += 1) {
      const body = { account: 'alice', asset: 'USDC', amount: '2', to: recipient(n) };
      const made = await on.withdraw(body);
      expect(await on.waitFor(made.body['id'] as string)).toMatchObject({ status: 'COMPLETED' });
    }
    const treasury = (await readLanes(on.owner)).find(({ purpose }) => purpose === 'treasury')!;
    expect(treasury.address).toBe(TREASURY);
    expect(treasury.nextNonce).toBe(treasury.minedNonce);
    const refused = await on.withdraw({
      account: 'alice',
      asset: 'USDC',
      amount: '2',
      to: TREASURY,
    });
    expect(refused.body).toMatchObject({ code: 'destination_refused', reason: 'own_wallet' });
  });

  it('fills each lane that is short of gas, once, however often it is looked at', async () => {
    // The worker looks by itself too.
    await Promise.all([1, 2, 3].map(async () => topUpLanes(await context())));
    await ended();
    expect(await moves()).toMatchObject([
      { kind: 'topup', to_lane: 1, generation: 1, outcome: 'arrived' },
      { kind: 'topup', to_lane: 2, generation: 1, outcome: 'arrived' },
    ]);
    expect(await topUpLanes(await context())).toBe(0);
    await quiet(on);
    const held = await on.nativeBalance(on.settings.lanes[0]!.address);
    expect(held > TOP_UP.below && held < 10_010n * ETHER).toBe(true);
    expect(await hot(1, '%slip44%')).toBe(held);
    await expectLaws(on);
  });

  it('receives what lanes have above what they keep', async () => {
    const answer = await on.call<{ moves: { asset: string; amount: string }[] }>(
      'POST',
      '/v1/wallets/1/sweep',
    );
    expect(answer.status).toBe(202);
    const [move] = answer.body.moves;
    expect(move).toMatchObject({ kind: 'sweep', from: '1', to: '3', asset: 'USDC' });
    // Under way: no other one begins.
    const again = await sweepLanes(await context(), [1], 'a test');
    expect(again.length === 0 || (await moves()).at(-1)!.generation > 1).toBe(true);
    await ended();
    await quiet(on);
    expect(await hot(1, '%erc20%')).toBe(KEEP_USDC);
    const held = await on.tokenBalance(TREASURY);
    expect(await hot(3, '%erc20%')).toBe(held);
    expect(await on.tokenBalance(on.settings.lanes[0]!.address)).toBe(KEEP_USDC);
    const [swept] = await on.rows<{ amount: bigint }>(
      `SELECT amount FROM treasury_move WHERE kind = 'sweep'`,
    );
    expect(held).toBe(swept!.amount + 1n);
    await expectLaws(on);
  });

  it('is swept to by payonce cron sweep, which says what it began, and refuses without one', async () => {
    const swept = await sweepByHand(configOf(on));
    expect([swept.code, swept.err]).toEqual([0, '']);
    expect(JSON.parse(swept.out)).toMatchObject({
      moves: [{ kind: 'sweep', from: '2', to: '3', asset: 'USDC' }],
    });
    await ended();
    await quiet(on);
    expect(await hot(2, '%erc20%')).toBe(KEEP_USDC);
    expect(await hot(3, '%erc20%')).toBe(await on.tokenBalance(TREASURY));
    expect(JSON.parse((await sweepByHand(configOf(on))).out)).toEqual({ moves: [] });
    await expectLaws(on);
    const { treasury: _, ...without } = configOf(on);
    const refused = await sweepByHand(without);
    expect([refused.code, refused.err]).toEqual([
      2,
      expect.stringMatching(/no treasury wallet is configured/),
    ]);
  });

  it('is not swept itself, nor is a wallet that a person paused or nobody knows', async () => {
    const sweep = async (id: number) => {
      const { status, body } = await on.call('POST', `/v1/wallets/${id}/sweep`);
      return [status, body['code'], body['reason']];
    };
    expect(await sweep(3)).toEqual([409, 'not_sweepable', 'treasury_wallet']);
    expect(await sweep(77)).toEqual([404, 'not_found', undefined]);
    await on.call('POST', '/v1/wallets/2/pause', { reason: 'a test' });
    expect(await sweep(2)).toEqual([409, 'not_sweepable', 'paused']);
    await on.call('POST', '/v1/wallets/2/resume', { reason: 'a test' });
    expect((await on.call('POST', '/v1/wallets/2/sweep')).status).toBe(202);
  });

  it('gives nothing that the signer was not configured for, and takes no nonce for it', async () => {
    await on.stopRole('signer');
    signerTopUp = { ...TOP_UP, perDay: 25n * ETHER };
    await on.startSigner();
    // The lanes are short again, by the books and on the chain alike.
    const short = { ...(await context()) };
    short.treasury = short.treasury.map((one) => ({
      ...one,
      topUp: { ...TOP_UP, below: 20_000n * ETHER },
    }));
    const [before] = await on.rows<{ balance: bigint }>(
      `SELECT sum(balance) AS balance FROM ledger_account WHERE kind = 'hot' AND asset LIKE '%slip44%'`,
    );
    // Of 35 a day 20 went.
    expect(await topUpLanes(short)).toBe(1);
    await ended();
    await quiet(on);
    expect((await moves()).at(-1)).toMatchObject({ kind: 'topup', outcome: 'unpaid' });
    const refused = await on.rows(
      `SELECT t.failure_message AS message, s.nonce FROM tx t LEFT JOIN nonce_slot s USING (tx_id)
       WHERE t.failure_code = 'signer_refused'`,
    );
    expect(refused).toEqual([
      {
        message: 'top_up_limit: 2 top-ups began in 24 hours, the limit is 2 of the full amount',
        nonce: null,
      },
    ]);
    const [after] = await on.rows<{ balance: bigint }>(
      `SELECT sum(balance) AS balance FROM ledger_account WHERE kind = 'hot' AND asset LIKE '%slip44%'`,
    );
    expect(after).toEqual(before);
    expect(await topUpLanes(short)).toBe(0);
    await expectLaws(on);
  });
});

describe('a lane that has too little gas', () => {
  let low: Installation;
  beforeAll(async () => {
    low = await Installation.start({
      settings: async (base) => {
        const settings = await withTreasury(TOP_UP)(base);
        const [lane, ...others] = settings.lanes;
        return { ...settings, lanes: [{ ...lane!, minGas: 10_001n * ETHER }, ...others] };
      },
    });
    await low.deposit('alice', 'USDC', '100');
  });
  afterAll(() => low?.stop());

  it('is paused, filled by a worker that looks by itself, opened again and goes on paying', async () => {
    const paused = async () => (await readLanes(low.owner))[0]!.pausedReason;
    await until('the lane to be paused', async () => (await paused()) === 'low_gas');
    const made = await low.withdraw({
      ...{ account: 'alice', asset: 'USDC', amount: '2', to: recipient(1) },
    });
    const id = made.body['id'] as string;
    await until('the lane to be open', async () => (await paused()) === null);
    expect(await low.waitFor(id)).toMatchObject({ status: 'COMPLETED' });
    await quiet(low);
    expect((await tokenPayments(low)).get(recipient(1))).toEqual([2_000_000n]);
    const rows = await low.rows('SELECT kind, outcome, requested_by FROM treasury_move');
    expect(rows).toEqual([
      { kind: 'topup', outcome: 'arrived', requested_by: 'the regular check' },
    ]);
    const told = await low.rows<{ type: string }>(
      `SELECT type FROM event WHERE type LIKE 'lane.%' ORDER BY type`,
    );
    expect(told.map(({ type }) => type)).toEqual([
      ...['lane.low_gas', 'lane.paused', 'lane.resumed', 'lane.top_up', 'lane.top_up_arrived'],
    ]);
    await expectLaws(low);
  });
});
