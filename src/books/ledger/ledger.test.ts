import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { inTransaction } from '../../base/db/index.ts';
import { Invariant } from '../../base/kernel/index.ts';
import {
  type AccountKey,
  adjustTransfer,
  assignTransfer,
  commitTransfer,
  depositTransfer,
  earningTransfers,
  fundTransfer,
  gasTransfer,
  Ledger,
  readBalances,
  readBalancesAt,
  readStatement,
  releaseTransfer,
  replayBreaks,
  reserveTransfer,
  reverseTransfer,
  type Transfer,
  unassignTransfer,
} from './index.ts';

const USD = 'eip155:1/erc20:0xusd';
const ETH = 'eip155:1/slip44:60';
const LANE = 7;

let at: MainDatabase;
let ledger: Ledger;
beforeAll(async () => {
  at = await MainDatabase.start();
  ledger = new Ledger(at.app);
});
afterAll(() => at.stop());

const newAccount = async (): Promise<string> => {
  const account = `a-${randomUUID()}`;
  await at.app.query('INSERT INTO account (tenant_id, name) VALUES ($1, $2)', [
    at.tenantId,
    account,
  ]);
  return account;
};
const orderOf = (account: string, amount: bigint, fee = 0n, generation = 1) => ({
  tenantId: at.tenantId,
  withdrawalId: randomUUID(),
  generation,
  correlationId: 'c',
  account,
  asset: USD,
  amount,
  fee,
});
const deposit = (account: string, amount: bigint, asset = USD) =>
  depositTransfer({
    tenantId: at.tenantId,
    depositId: randomUUID(),
    account,
    asset,
    amount,
    correlationId: 'c',
  });
const slotOf = (amount: bigint, gasReserved: bigint) => ({
  tenantId: at.tenantId,
  txId: randomUUID(),
  laneId: LANE,
  asset: USD,
  nativeAsset: ETH,
  amount,
  gasReserved,
  correlationId: 'c',
});

/** Opens, locks and posts, as every step does. */
async function book(...transfers: Transfer[]): Promise<string[]> {
  await ledger.open(transfers);
  return inTransaction(at.app, async (sql) => {
    await ledger.lock(sql, transfers);
    return ledger.post(sql, transfers);
  });
}
async function balance(kind: AccountKey['kind'], owner = '', asset = USD): Promise<bigint> {
  const rows = await at.rows<{ balance: bigint }>(
    'SELECT balance FROM ledger_account WHERE tenant_id = $1 AND kind = $2 AND owner = $3 AND asset = $4',
    [at.tenantId, kind, owner, asset],
  );
  return rows[0]?.balance ?? 0n;
}

describe('the transfers', () => {
  const sides = (transfer: Transfer) =>
    transfer.postings.map(
      ({ debit, credit, amount }) =>
        `${debit.kind}:${debit.owner}:${debit.asset === ETH ? 'ETH' : 'USD'} < ` +
        `${credit.kind}:${credit.owner}:${credit.asset === ETH ? 'ETH' : 'USD'} ${amount}`,
    );
  const t = '10000000-0000-7000-8000-000000000000';
  const order = {
    tenantId: t,
    withdrawalId: 'w',
    generation: 1,
    correlationId: 'c',
    account: 'alice',
    asset: USD,
    amount: 10n,
    fee: 2n,
  };
  const slot = {
    tenantId: t,
    txId: 'x',
    laneId: LANE,
    asset: USD,
    nativeAsset: ETH,
    amount: 10n,
    gasReserved: 5n,
    correlationId: 'c',
  };
  it.each<[string, Transfer, string[]]>([
    [
      'DEPOSIT',
      depositTransfer({ ...order, depositId: 'd', amount: 10n }),
      ['custody::USD < available:alice:USD 10'],
    ],
    ['RESERVE', reserveTransfer(order), ['available:alice:USD < reserved:alice:USD 12']],
    ['RELEASE', releaseTransfer(order), ['reserved:alice:USD < available:alice:USD 12']],
    [
      'COMMIT',
      commitTransfer(order),
      ['reserved:alice:USD < in_transit::USD 10', 'reserved:alice:USD < revenue::USD 2'],
    ],
    ['COMMIT', commitTransfer({ ...order, fee: 0n }), ['reserved:alice:USD < in_transit::USD 10']],
    [
      'ASSIGN',
      assignTransfer(slot),
      ['in_transit::USD < hot:7:USD 10', 'gas_in_transit:7:ETH < hot:7:ETH 5'],
    ],
    ['UNASSIGN', unassignTransfer(slot), ['hot:7:USD < in_transit::USD 10']],
    [
      'GAS',
      gasTransfer({ tenantId: t, laneId: LANE, nativeAsset: ETH, reserved: 5n, cost: 3n }),
      ['network_fee_expense::ETH < gas_in_transit:7:ETH 3', 'hot:7:ETH < gas_in_transit:7:ETH 2'],
    ],
    [
      'GAS',
      gasTransfer({ tenantId: t, laneId: LANE, nativeAsset: ETH, reserved: 5n, cost: 5n }),
      ['network_fee_expense::ETH < gas_in_transit:7:ETH 5'],
    ],
    [
      'REVERSE',
      reverseTransfer({ ...order, generation: 2 }),
      ['in_transit::USD < reserved:alice:USD 10', 'revenue::USD < reserved:alice:USD 2'],
    ],
    ...(['left', 'arrived'] as const).map((movement): [string, Transfer, string[]] => [
      'ADJUST',
      adjustTransfer({
        ...{ tenantId: t, laneId: LANE, subjectId: 'x', asset: USD, amount: 10n, movement },
        correlationId: 'c',
      }),
      [movement === 'left' ? 'suspense::USD < hot:7:USD 10' : 'hot:7:USD < suspense::USD 10'],
    ]),
    [
      'FUND',
      fundTransfer({ tenantId: t, laneId: LANE, asset: USD, amount: 10n, custody: 4n }),
      ['hot:7:USD < custody::USD 4', 'hot:7:USD < capital::USD 6'],
    ],
    [
      'FUND',
      fundTransfer({ tenantId: t, laneId: LANE, asset: USD, amount: 10n, custody: 40n }),
      ['hot:7:USD < custody::USD 10'],
    ],
  ])('%s posts what the table of postings says', (kind, transfer, postings) => {
    expect(transfer.kind).toBe(kind);
    expect(sides(transfer)).toEqual(postings);
  });
});

describe('the ledger', () => {
  it('takes a withdrawal from deposit to commit, and its replay is its balances', async () => {
    const account = await newAccount();
    const order = orderOf(account, 100n, 3n);
    const slot = slotOf(100n, 50n);
    await book(deposit(account, 1_000n));
    await book(
      fundTransfer({
        tenantId: at.tenantId,
        laneId: LANE,
        asset: USD,
        amount: 500n,
        custody: 400n,
      }),
      fundTransfer({ tenantId: at.tenantId, laneId: LANE, asset: ETH, amount: 90n, custody: 0n }),
    );
    await book(reserveTransfer(order));
    expect(await readBalances(at.app, { tenantId: at.tenantId, account })).toEqual([
      { asset: USD, available: 897n, reserved: 103n, pending: 0n },
    ]);
    await book(assignTransfer(slot));
    expect(await balance('hot', '7')).toBe(400n);
    await book(commitTransfer(order));
    await book(
      gasTransfer({
        tenantId: at.tenantId,
        laneId: LANE,
        nativeAsset: ETH,
        reserved: 50n,
        cost: 20n,
      }),
    );
    expect(await readBalances(at.app, { tenantId: at.tenantId, account })).toEqual([
      { asset: USD, available: 897n, reserved: 0n, pending: 0n },
    ]);
    expect(await balance('in_transit')).toBe(0n);
    expect(await balance('revenue')).toBe(3n);
    expect(await balance('custody')).toBe(600n);
    expect(await balance('capital')).toBe(100n);
    expect(await balance('hot', '7', ETH)).toBe(70n);
    expect(await balance('gas_in_transit', '7', ETH)).toBe(0n);
    expect(await balance('network_fee_expense', '', ETH)).toBe(20n);
    expect(await replayBreaks(at.app)).toEqual([]);
  });

  it('gives everything back when a slot is undone', async () => {
    const account = await newAccount();
    const order = orderOf(account, 10n, 1n);
    const slot = slotOf(10n, 5n);
    const before = await balance('hot', '7');
    await book(deposit(account, 11n));
    await book(reserveTransfer(order), assignTransfer(slot));
    await book(releaseTransfer(order), unassignTransfer(slot));
    expect(await balance('hot', '7')).toBe(before);
    expect(await readBalances(at.app, { tenantId: at.tenantId, account })).toEqual([
      { asset: USD, available: 11n, reserved: 0n, pending: 0n },
    ]);
  });

  it.each([
    ['RELEASE after COMMIT', commitTransfer, releaseTransfer],
    ['COMMIT after RELEASE', releaseTransfer, commitTransfer],
    ['COMMIT twice', commitTransfer, commitTransfer],
    ['RELEASE twice', releaseTransfer, releaseTransfer],
  ])('refuses %s of one reserve, whatever the balances would allow', async (_, first, second) => {
    const account = await newAccount();
    const order = orderOf(account, 10n);
    await book(deposit(account, 100n));
    await book(reserveTransfer(order), reserveTransfer(orderOf(account, 50n)));
    await book(
      fundTransfer({ tenantId: at.tenantId, laneId: LANE, asset: USD, amount: 100n, custody: 0n }),
      assignTransfer(slotOf(50n, 1n)),
    );
    await book(first(order));
    const then = await readBalances(at.app, { tenantId: at.tenantId, account });
    await expect(book(second(order))).rejects.toMatchObject({
      code: '23505',
      constraint: 'reserve_resolution_pkey',
    });
    expect(await readBalances(at.app, { tenantId: at.tenantId, account })).toEqual(then);
  });

  it('refuses a second reserve of a generation, a resolution without reserve, and takes a new generation', async () => {
    const account = await newAccount();
    await book(deposit(account, 100n));
    const order = orderOf(account, 10n);
    await book(reserveTransfer(orderOf(account, 20n)));
    await expect(book(releaseTransfer(order))).rejects.toMatchObject({ code: '23502' });
    await book(reserveTransfer(order));
    await expect(book(reserveTransfer(order))).rejects.toMatchObject({ code: '23505' });
    await book(reserveTransfer({ ...order, generation: 2 }));
    await book(releaseTransfer({ ...order, generation: 2 }), releaseTransfer(order));
    expect(await readBalances(at.app, { tenantId: at.tenantId, account })).toEqual([
      { asset: USD, available: 80n, reserved: 20n, pending: 0n },
    ]);
  });

  it('takes a commit back into the next reserve, once, and leaves what is available alone', async () => {
    const account = await newAccount();
    await book(deposit(account, 100n));
    const order = orderOf(account, 10n);
    const slot = slotOf(10n, 5n);
    for (const [asset, amount] of [
      [USD, 10n],
      [ETH, 5n],
    ] as const) {
      await book(fundTransfer({ ...slot, asset, amount, custody: 0n }));
    }
    await book(reserveTransfer(order));
    await book(assignTransfer(slot));
    await book(commitTransfer(order));
    const then = await readBalances(at.app, { tenantId: at.tenantId, account });
    const next = { ...order, generation: 2 };
    await book(reverseTransfer(next));
    await expect(book(reverseTransfer(next))).rejects.toMatchObject({ code: '23505' });
    const [now] = (await readBalances(at.app, { tenantId: at.tenantId, account }))!;
    expect(now).toEqual({ ...then![0], reserved: order.amount + order.fee });
    await book(commitTransfer(next));
    expect(await readBalances(at.app, { tenantId: at.tenantId, account })).toEqual(then);
    await expect(book(releaseTransfer(next))).rejects.toMatchObject({ code: '23514' });
    expect(await replayBreaks(at.app)).toEqual([]);
  });

  it('refuses a balance on its wrong side, and undoes everything that was with it', async () => {
    const [rich, poor] = [await newAccount(), await newAccount()];
    await book(deposit(rich, 100n), deposit(poor, 5n));
    const good = reserveTransfer(orderOf(rich, 10n));
    const counts = () =>
      at.rows(
        `SELECT (SELECT count(*) FROM transfer) AS t, (SELECT count(*) FROM posting) AS p,
           (SELECT count(*) FROM reserve) AS r`,
      );
    const before = await counts();
    await expect(book(good, reserveTransfer(orderOf(poor, 6n)))).rejects.toMatchObject({
      code: '23514',
      constraint: 'ledger_balance_balance_check',
    });
    expect(await counts()).toEqual(before);
    expect(await balance('available', rich)).toBe(100n);
    await expect(at.app.query('UPDATE ledger_balance SET balance = -1')).rejects.toMatchObject({
      code: '23514',
    });
  });

  it('refuses a posting of nothing, of a negative amount, or from an account to itself', async () => {
    const account = await newAccount();
    const self = { tenantId: at.tenantId, kind: 'available', owner: account, asset: USD } as const;
    await book(deposit(account, 5n));
    const wrong = (amount: bigint, credit: AccountKey) => ({
      ...deposit(account, 1n),
      postings: [{ debit: self, credit, amount }],
    });
    for (const transfer of [
      wrong(0n, { ...self, kind: 'reserved' }),
      wrong(-1n, { ...self, kind: 'reserved' }),
      wrong(1n, self),
    ]) {
      await expect(book(transfer)).rejects.toMatchObject({ code: '23514' });
    }
  });

  it('holds amounts of 256 bits exactly', async () => {
    const account = await newAccount();
    const most = 2n ** 256n - 1n;
    await book(deposit(account, most, 'huge'));
    await book(deposit(account, 1n, 'huge'));
    expect(await readBalances(at.app, { tenantId: at.tenantId, account })).toEqual([
      { asset: 'huge', available: most + 1n, reserved: 0n, pending: 0n },
    ]);
  });

  it('asks for accounts to be opened before they are used', async () => {
    const transfer = deposit(await newAccount(), 1n);
    await expect(
      inTransaction(at.app, (sql) => ledger.lock(sql, [transfer])),
    ).rejects.toBeInstanceOf(Invariant);
    expect(await ledger.find([transfer.postings[0]!.credit])).toEqual([undefined]);
    await ledger.open([transfer]);
    expect(await ledger.find([transfer.postings[0]!.credit])).toEqual([expect.any(BigInt)]);
  });

  it('still knows the accounts of a step under way when its memory is full', async () => {
    const small = new Ledger(at.app, { remembered: 8 });
    const mine = deposit(await newAccount(), 4n);
    await small.open([mine]);
    const others = await Promise.all(Array.from({ length: 6 }, () => newAccount()));
    await small.open(others.map((account) => deposit(account, 1n)));
    const known = await small.find(
      others.map((owner) => ({ tenantId: at.tenantId, kind: 'available', owner, asset: USD })),
    );
    expect(known).not.toContain(undefined);
    await inTransaction(at.app, async (sql) => {
      await small.lock(sql, [mine]);
      await small.post(sql, [mine]);
    });
    expect(await small.find([mine.postings[0]!.credit])).toEqual([expect.any(BigInt)]);
  });

  it('asks anew whose a number is when sessions began since, as on another copy of the database', async () => {
    const pool = at.pool('payonce_app', 2);
    const mine = new Ledger(pool);
    const credit = async (account: string, amount: bigint) => {
      const transfers = [deposit(account, amount)];
      await mine.open(transfers);
      await inTransaction(pool, async (sql) => {
        await mine.lock(sql, transfers);
        await mine.post(sql, transfers);
      });
    };
    const [ann, bob] = [await newAccount(), await newAccount()];
    await credit(ann, 1n);
    await credit(bob, 1n);
    // The other copy has given their numbers the other way round.
    for (const [from, to] of [
      [ann, 'x'],
      [bob, ann],
      ['x', bob],
    ]) {
      await at.rows('UPDATE ledger_balance SET owner = $2 WHERE owner = $1', [from, to]);
    }
    const first = await pool.connect();
    (await pool.connect()).release();
    first.release();
    await credit(bob, 5n);
    expect([await balance('available', ann), await balance('available', bob)]).toEqual([1n, 6n]);
  });

  it('opens the same accounts from two processes in opposite order', async () => {
    const [one, two] = [new Ledger(at.app), new Ledger(at.pool('payonce_app'))];
    for (let round = 0; round < 20; round += 1) {
      const keys = Array.from({ length: 40 }, (_, n) => ({
        tenantId: at.tenantId,
        kind: 'available' as const,
        owner: `r${round}-${n}`,
        asset: USD,
      }));
      await Promise.all([one.openAccounts(keys), two.openAccounts(keys.toReversed())]);
      expect(await one.find(keys)).toEqual(await two.find(keys));
    }
  });

  it('is never deadlocked by steps that touch the same accounts in opposite order', async () => {
    const accounts = await Promise.all(Array.from({ length: 12 }, () => newAccount()));
    await book(...accounts.map((account) => deposit(account, 1_000n)));
    const other = new Ledger(at.pool('payonce_app'));
    const orders = accounts.map((account) => reserveTransfer(orderOf(account, 1n)));
    await Promise.all([ledger.open(orders), other.open(orders)]);
    let tries = 0;
    const step = (with_: Ledger, transfers: Transfer[]) =>
      inTransaction(at.app, async (sql) => {
        tries += 1;
        await with_.lock(sql, transfers);
        await with_.post(sql, transfers);
      });
    const steps = Array.from({ length: 60 }, (_, round) => {
      const transfers = accounts
        .filter((_account, n) => (n + round) % 3 !== 0)
        .map((account) => reserveTransfer(orderOf(account, 1n)));
      return step(
        round % 2 === 0 ? ledger : other,
        round % 2 === 0 ? transfers : transfers.toReversed(),
      );
    });
    await Promise.all(steps);
    expect(tries).toBe(60);
    for (const account of accounts) {
      const [row] = (await readBalances(at.app, { tenantId: at.tenantId, account }))!;
      expect(row!.available + row!.reserved).toBe(1_000n);
      expect(row!.reserved).toBe(40n);
    }
    expect(await replayBreaks(at.app)).toEqual([]);
  });

  it('finds a balance that is not what its postings add up to', async () => {
    const account = await newAccount();
    await book(deposit(account, 10n));
    const spoil = (by: number) =>
      at.owner.query('UPDATE ledger_balance SET balance = balance + $1 WHERE owner = $2', [
        by,
        account,
      ]);
    await spoil(1);
    expect(await replayBreaks(at.app)).toMatchObject([
      { kind: 'available', owner: account, balance: 11n, replayed: 10n },
    ]);
    await spoil(-1);
    expect(await replayBreaks(at.app)).toEqual([]);
  });
});

describe('the books as they are read', () => {
  it('show balances as of a moment, and an account’s statement newest first', async () => {
    const account = await newAccount();
    const query = { tenantId: at.tenantId, account };
    const moments: Date[] = [];
    // The database's clock at a moment that lies between two transfers.
    const now = async () => {
      const rows = await at.rows<{ at: Date }>(
        `SELECT clock_timestamp() AS at FROM pg_sleep(0.005)`,
      );
      await at.rows('SELECT pg_sleep(0.005)');
      moments.push(rows[0]!.at);
    };
    const order = orderOf(account, 30n, 2n);
    await now();
    await book(deposit(account, 100n));
    await now();
    await book(reserveTransfer(order));
    await now();
    await book(releaseTransfer(order), deposit(account, 7n, ETH));
    await now();
    const history = await Promise.all(
      moments.map((moment) => readBalancesAt(at.app, { ...query, at: moment })),
    );
    const none = { asset: ETH, available: 0n, reserved: 0n, pending: 0n };
    expect(history).toEqual([
      [{ asset: USD, available: 0n, reserved: 0n, pending: 0n }, none],
      [{ asset: USD, available: 100n, reserved: 0n, pending: 0n }, none],
      [{ asset: USD, available: 68n, reserved: 32n, pending: 0n }, none],
      [
        { asset: USD, available: 100n, reserved: 0n, pending: 0n },
        { asset: ETH, available: 7n, reserved: 0n, pending: 0n },
      ],
    ]);
    expect(await readBalances(at.app, query)).toEqual(history[3]);
    const lines = await readStatement(at.app, { ...query, before: null, limit: 10 });
    expect(
      lines.map(({ kind, asset, available, reserved }) => [kind, asset, available, reserved]),
    ).toEqual([
      ['DEPOSIT', ETH, 7n, 0n],
      ['RELEASE', USD, 32n, -32n],
      ['RESERVE', USD, -32n, 32n],
      ['DEPOSIT', USD, 100n, 0n],
    ]);
    const page = await readStatement(at.app, { ...query, before: lines[1]!.transferId, limit: 1 });
    expect(page).toEqual([lines[2]]);
    expect(page[0]).toMatchObject({ subjectId: order.withdrawalId, correlationId: 'c' });
  });

  it('show all that moved what there is, whatever only became pending since', async () => {
    const account = await newAccount();
    await book(deposit(account, 100n));
    const expected = {
      account,
      asset: USD,
      amount: 5n,
      correlationId: 'c',
      paymentId: randomUUID(),
    };
    const moves = Array.from({ length: 3 }, () => ({
      ...{ ...expected, kind: 'EXPECT' as const, tenantId: at.tenantId },
    }));
    await book(...earningTransfers(moves, () => 0n));
    const query = { tenantId: at.tenantId, account, before: null, limit: 2 };
    expect(await readStatement(at.app, query)).toMatchObject([{ kind: 'DEPOSIT' }]);
  });

  it('tell an account without any asset from one that does not exist, and tenants apart', async () => {
    const account = await newAccount();
    const of = (tenantId: string, name: string) => ({ tenantId, account: name, at: new Date() });
    expect(await readBalances(at.app, of(at.tenantId, account))).toEqual([]);
    expect(await readBalancesAt(at.app, of(at.tenantId, account))).toEqual([]);
    expect(await readBalances(at.app, of(at.tenantId, 'nobody'))).toBeNull();
    expect(await readBalancesAt(at.app, of(at.tenantId, 'nobody'))).toBeNull();
    const stranger = await at.tenant(`t-${randomUUID()}`);
    await book(deposit(account, 5n));
    expect(await readBalances(at.app, of(stranger, account))).toBeNull();
    expect(
      await readStatement(at.app, { tenantId: stranger, account, before: null, limit: 5 }),
    ).toEqual([]);
  });
});
