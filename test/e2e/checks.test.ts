import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { inTransaction } from '../../src/base/db/index.ts';
import { silentLog } from '../../src/base/kernel/index.ts';
import { beginCheck, endCheck, readDueChecks } from '../../src/books/finding/index.ts';
import { collectSignatures, readLanes } from '../../src/books/tx/index.ts';
import { runCli } from '../../src/doors/cli/index.ts';
import { checkFunds } from '../../src/hands/treasury/index.ts';
import { booksChecks, runCheck } from '../../src/roads/reconcile/index.ts';
import { type TestDatabases, testDatabases } from '../support/postgres.ts';
import type { Processes } from '../support/steps/processes.ts';
import { Road } from '../support/steps/road.ts';

const STUCK_MS = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'payonce-checks-'));
let databases: TestDatabases;
let road: Road;
let on: Processes;

beforeAll(async () => {
  databases = await testDatabases();
  road = await Road.open(databases, { warm: true });
});
beforeEach(async () => {
  await road.reset();
  on = await road.start();
});
afterAll(async () => {
  await road?.close();
  await databases?.drop();
  rmSync(folder, { recursive: true });
});

const check = async (name: 'status-check' | 'verify-sent' | 'reconcile') => {
  const { app: db } = road.wires;
  const checks = booksChecks(db, { stuckAfterMs: STUCK_MS, progress: () => {} });
  const outcome = await runCheck({ db, owner: 'a test', log: silentLog }, checks[name], 0);
  const of = (findings: NonNullable<typeof outcome>['found']) =>
    findings.map(({ kind }) => kind).sort();
  return { found: of(outcome!.found), fresh: of(outcome!.fresh) };
};
const told = async (kind: string) =>
  (await road.owner.query('SELECT data FROM event WHERE type = $1', [kind])).rows;
const submit = () =>
  on.service.submit(road.tenantId, [
    {
      idempotencyKey: 'once',
      correlationId: 'once',
      body: { account: 'alice', asset: 'USDC', amount: '5', to: `0x${'5a'.repeat(20)}` },
    },
  ]);
const upTo = async (...steps: (() => Promise<unknown>)[]) => {
  await submit();
  for (const step of steps) await step();
};

describe('the regular checks', () => {
  it('find nothing where everything moves', async () => {
    await upTo(() => on.job('withdrawal.requested'));
    for (const name of ['status-check', 'verify-sent', 'reconcile'] as const)
      expect(await check(name)).toEqual({ found: [], fresh: [] });
  });

  it('tell once that jobs, a reserve and the chain stand still, and no more when they move', async () => {
    await submit();
    await road.clock.elapse(5 * STUCK_MS);
    const standing = ['check.chain_quiet', 'check.jobs_stand', 'check.reserve_stands'];
    expect(await check('status-check')).toEqual({ found: standing, fresh: standing });
    expect(await check('status-check')).toEqual({ found: standing, fresh: [] });
    expect(await told('check.jobs_stand')).toMatchObject([
      { data: { subject: 'withdrawal.requested', jobs: 1 } },
    ]);
    expect(await told('check.reserve_stands')).toMatchObject([{ data: { status: 'RESERVED' } }]);
    await on.job('withdrawal.requested');
    road.chain.mine(1);
    while (await on.observe());
    expect(await check('status-check')).toEqual({ found: [], fresh: [] });
    await road.clock.elapse(5 * STUCK_MS);
    expect((await check('status-check')).fresh).toEqual(standing);
  });

  it('find what was signed and never sent, and a slot that no block holds', async () => {
    await upTo(
      () => on.job('withdrawal.requested'),
      () => on.job('tx.prepare'),
      () => on.sign(),
      // By a worker that died before it sent them.
      () => inTransaction(road.wires.app, (sql) => collectSignatures(sql, 500)),
    );
    expect((await check('verify-sent')).found).toEqual([]);
    await road.clock.elapse(5 * STUCK_MS);
    expect((await check('verify-sent')).found).toEqual(['check.never_sent']);
    expect((await check('status-check')).found).toContain('check.tx_pending');
    road.node.failNext('send', {
      kind: 'says',
      message: 'insufficient funds for gas * price + value',
    });
    await on.resend();
    await on.job('tx.send');
    expect((await check('verify-sent')).found).toEqual(['check.never_accepted']);
    expect(await told('check.never_accepted')).toMatchObject([
      { data: { sends: 1, lastAnswer: expect.stringMatching(/^funds: insufficient/) } },
    ]);
  });

  it('find a law of the ledger that is broken, and tell every tenant of it', async () => {
    await road.owner.query(
      `UPDATE ledger_balance SET balance = balance + 1 WHERE kind = 'custody' AND asset LIKE '%erc20%'`,
    );
    expect((await check('reconcile')).fresh).toEqual(['check.law_broken', 'check.law_broken']);
    const laws = (await told('check.law_broken')).map((row) => row['data'].subject);
    expect(laws.sort()).toEqual(['ledger/balance-sheet', 'ledger/replay']);
  });

  it('run once at a time, once in their time, and anew after a crash', async () => {
    const { app: db } = road.wires;
    const schedule = [{ check: 'one', everyMs: 60_000 }];
    expect(await readDueChecks(db, schedule)).toEqual([]);
    const age = () =>
      road.owner.query(
        `UPDATE check_run SET created_at = created_at - interval '11 minutes',
           started_at = started_at - interval '11 minutes', lease_until = lease_until - interval '11 minutes'`,
      );
    await age();
    expect(await readDueChecks(db, schedule)).toEqual(['one']);
    expect(await beginCheck(db, 'one', 'a', 60_000)).toBe(true);
    expect(await readDueChecks(db, schedule)).toEqual([]);
    expect(await beginCheck(db, 'one', 'b', 0)).toBe(false);
    await endCheck(db, 'one', 'a', 0);
    expect(await beginCheck(db, 'one', 'b', 60_000)).toBe(false);
    expect(await beginCheck(db, 'one', 'b', 0)).toBe(true);
    await age();
    expect(await beginCheck(db, 'one', 'c', 60_000)).toBe(true);
    await endCheck(db, 'one', 'b', 0);
    expect(await beginCheck(db, 'one', 'd', 0)).toBe(false);
  });
});

describe('lanes that run low', () => {
  const settings = (minGas: bigint, usdc: bigint) =>
    road.settings.lanes.map((lane) => ({
      ...lane,
      minGas,
      minBalances: [{ asset: road.settings.assets[0]!.caip19, amount: usdc }],
    }));
  const fund = async (minGas: bigint, usdc: bigint) => {
    const { app: db } = road.wires;
    const funds = { name: 'funds', run: () => checkFunds(db, settings(minGas, usdc)) };
    const outcome = await runCheck({ db, owner: 'a test', log: silentLog }, funds, 0);
    return outcome!.fresh.map(({ kind }) => kind);
  };
  const pausedReason = async () => (await readLanes(road.owner))[0]!.pausedReason;
  const PLENTY = 10n ** 30n;

  it('are told once at each crossing; too little gas pauses, and enough of it opens', async () => {
    expect(await fund(1n, 1n)).toEqual([]);
    expect(await fund(1n, PLENTY)).toEqual(['lane.low_balance']);
    expect(await pausedReason()).toBeNull();
    expect(await fund(PLENTY, PLENTY)).toEqual(['lane.low_gas']);
    expect(await pausedReason()).toBe('low_gas');
    expect(await fund(PLENTY, PLENTY)).toEqual([]);
    await upTo(
      () => on.job('withdrawal.requested'),
      () => on.job('tx.prepare'),
    );
    const { rows } = await road.owner.query('SELECT waiting FROM tx');
    expect(rows).toEqual([{ waiting: 'lane_gas' }]);
    expect(await fund(1n, 1n)).toEqual([]);
    expect(await pausedReason()).toBeNull();
    expect(await told('lane.paused')).toMatchObject([{ data: { reason: 'low_gas' } }]);
    expect(await told('lane.resumed')).toMatchObject([{ data: { reason: 'low_gas' } }]);
    expect(await fund(PLENTY, 1n)).toEqual(['lane.low_gas']);
  });

  it('stay closed when a person paused them, whatever they have', async () => {
    await road.owner.query(`UPDATE lane SET paused_reason = 'operator'`);
    await fund(PLENTY, 1n);
    await fund(1n, 1n);
    expect(await pausedReason()).toBe('operator');
  });
});

describe('payonce cron', () => {
  const cron = async (...argv: string[]) => {
    const ran = { code: -1, out: '', err: '' };
    ran.code = await runCli(['cron', ...argv], {
      stdout: { write: (text: string) => (ran.out += text) },
      stderr: { write: (text: string) => (ran.err += text) },
      env: { DATABASE_URL: databases.mainUrl },
      cwd: folder,
      doors: {
        readDevFile: () => null,
        start: async () => 0,
        facilitator: async () => 0,
        bench: async () => 0,
        portOf: () => road.node,
      },
    });
    return ran;
  };

  it('is well without findings, 1 with, and 3 while another runs it', async () => {
    expect(await cron('status-check')).toEqual({ code: 0, out: 'none\n', err: '' });
    await submit();
    await road.clock.elapse(5 * STUCK_MS);
    const found = await cron('status-check', '--stuck-after', '60', '--json');
    expect(found.code).toBe(1);
    expect(JSON.parse(found.out)).toMatchObject({
      check: 'status-check',
      findings: expect.arrayContaining([
        expect.objectContaining({ kind: 'check.reserve_stands', new: true }),
      ]),
    });
    const again = await cron('status-check', '--stuck-after', '60');
    expect(again.out).toMatch(/check.reserve_stands +\S+ +no/);
    await beginCheck(road.wires.app, 'status-check', 'another', 0);
    const busy = await cron('status-check');
    expect([busy.code, busy.out]).toEqual([3, '']);
    expect(busy.err).toMatch(/status-check is running elsewhere/);
  });

  it('funds needs the configuration, and takes its minimums from it', async () => {
    expect((await cron('funds')).err).toMatch(/no configuration is named/);
    const config = join(folder, 'payonce.yaml');
    const { address } = road.settings.lanes[0]!;
    writeFileSync(
      config,
      `
chains: [{ id: local, chainId: 31337, rpc: [{ url: "http://127.0.0.1:8545" }], fees: { maxFeePerGasGwei: "50" } }]
assets: [{ id: ETH, chain: local, decimals: 18, tiers: [{ name: low, commitAt: safe }] }]
lanes: [{ chain: local, address: "${address}", key: k, tenant: demo, minGas: "1000000" }]
`,
    );
    const poor = await cron('funds', '--config', config);
    expect([poor.code, poor.err]).toEqual([1, '']);
    expect(poor.out).toMatch(/lane.low_gas +1:eip155:31337\/slip44:60 +yes/);
  });
});
