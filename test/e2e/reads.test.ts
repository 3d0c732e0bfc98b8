import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation, type TestKey } from '../support/installation.ts';
import { quiet, recipient } from '../support/laws.ts';

type View = Record<string, unknown> & { id: string; attempts: { id: string; txHash: string }[] };

describe('reading', () => {
  let on: Installation;
  let other: TestKey;
  let done: View;
  let rejected: string;
  const all: string[] = [];
  const moments: { at: string; available: string; reserved: string }[] = [];

  const order = (n: number, more: object = {}) => ({
    account: n % 2 === 0 ? 'alice' : 'bob',
    asset: 'USDC',
    amount: '2',
    to: recipient(n),
    ...more,
  });
  const get = <Body = Record<string, unknown>>(path: string, key = on.apiKey) =>
    on.call<Body>('GET', path, undefined, { authorization: `Bearer ${key}` });
  const list = async (query: string, key?: string) => {
    const answer = await get<{ withdrawals: View[]; cursor: string | null }>(
      `/v1/withdrawals?${query}`,
      key,
    );
    expect([query, answer.status]).toEqual([query, 200]);
    return answer.body;
  };
  const idsOf = async (query: string, key?: string) =>
    (await list(query, key)).withdrawals.map((view) => view.id);
  /** A moment by the database's clock, with what the account had then. */
  const note = async () => {
    const [row] = await on.rows<{ at: Date }>('SELECT clock_timestamp() AS at');
    const { body } = await get<{ balances: { available: string; reserved: string }[] }>(
      '/v1/accounts/carol/balances',
    );
    const { available, reserved } = body.balances[0]!;
    moments.push({ at: row!.at.toISOString(), available, reserved });
    // The next change is of a later millisecond than the moment noted.
    await on.rows('SELECT pg_sleep(0.005)');
  };

  beforeAll(async () => {
    on = await Installation.start({ lanes: 1, blockTime: 0.1 });
    other = await on.addTenant('other');
    for (const account of ['alice', 'bob']) await on.deposit(account, 'USDC', '1000');
    for (let n = 0; n < 25; n += 1) {
      const answer = await on.withdraw(order(n, { externalId: `ext ${n}/ü` }), `read-${n}`);
      all.unshift(answer.body['id'] as string);
    }
    const no = await on.withdraw(order(30, { amount: '90000' }), 'read-no');
    expect(no.status).toBe(422);
    await quiet(on);
    done = (await get<View>(`/v1/withdrawals/${all.at(-1)}`)).body;
    rejected = (await idsOf('status=REJECTED'))[0]!;
    all.unshift(rejected);
  });
  afterAll(() => on?.stop());

  it('finds a withdrawal by each of its ids, and by all of them together', async () => {
    const [attempt] = done.attempts;
    const filters = {
      idempotencyKey: 'read-0',
      externalId: 'ext 0/ü',
      txHash: attempt!.txHash,
      nonceKey: done['nonceKey'] as string,
      attemptId: attempt!.id,
    };
    for (const [name, value] of Object.entries(filters)) {
      const found = await idsOf(`${name}=${encodeURIComponent(value)}`);
      expect([name, found]).toEqual([name, [done.id]]);
      const upper = value.startsWith('0x') ? `0x${value.slice(2).toUpperCase()}` : value;
      expect(await idsOf(`${name}=${encodeURIComponent(upper)}`)).toEqual([done.id]);
      expect(await idsOf(`${name}=${encodeURIComponent(value)}`, other.key)).toEqual([]);
    }
    const every = new URLSearchParams({ ...filters, account: 'alice', status: 'COMPLETED' });
    expect(await idsOf(every.toString())).toEqual([done.id]);
    expect(await idsOf(`${every}&limit=1`)).toEqual([done.id]);
    every.set('account', 'bob');
    expect(await idsOf(every.toString())).toEqual([]);
    expect(
      await idsOf(`idempotencyKey=read-0&externalId=${encodeURIComponent('ext 1/ü')}`),
    ).toEqual([]);
    const nothing = {
      idempotencyKey: 'none',
      externalId: 'none',
      txHash: `0x${'0'.repeat(64)}`,
      nonceKey: `31337:${recipient(1)}:0`,
      attemptId: done.id,
      account: 'none',
      status: 'REVERSED',
    };
    for (const [name, value] of Object.entries(nothing)) {
      expect([name, await idsOf(`${name}=${value}`)]).toEqual([name, []]);
    }
    expect(await idsOf(`nonceKey=${'9'.repeat(20)}:${recipient(1)}:${'9'.repeat(20)}`)).toEqual([]);
  });

  it('lists newest first, page by page, each once, also under filters', async () => {
    for (const limit of [1, 7, 26, 200]) {
      const seen: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page: { withdrawals: View[]; cursor: string | null } = await list(
          `limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`,
        );
        expect(page.withdrawals.length).toBeLessThanOrEqual(limit);
        seen.push(...page.withdrawals.map((view) => view.id));
        cursor = page.cursor;
      }
      expect(seen).toEqual(all);
    }
    const first = await list('account=alice&status=COMPLETED&limit=10');
    const second = await list(`account=alice&status=COMPLETED&limit=10&cursor=${first.cursor}`);
    const both = [...first.withdrawals, ...second.withdrawals];
    expect(both).toHaveLength(13);
    expect(both.every((view) => view['account'] === 'alice')).toBe(true);
    expect(await idsOf('status=REJECTED')).toEqual([rejected]);
  });

  it('pages through levels that are derived, with nothing lost', async () => {
    await on.anvil.hold();
    await on.deposit('alice', 'USDC', '20000');
    const some = async (from: number) => {
      const made: string[] = [];
      for (let n = from; n < from + 3; n += 1) {
        // Committed at finalized, so that safe is a stage to be seen in.
        const { body } = await on.withdraw(order(n, { account: 'alice', amount: '1500' }));
        made.unshift(body['id'] as string);
      }
      for (const id of made) await on.waitFor(id, 'BROADCASTED');
      expect(await idsOf('status=BROADCASTED')).toEqual(made);
      await on.anvil.mine();
      for (const id of made) await on.waitFor(id, 'INCLUDED');
      return made;
    };
    const older = await some(40);
    await on.anvil.mine(4);
    for (const id of older) await on.waitFor(id, 'SAFE');
    const newer = await some(43);
    for (const [status, expected] of [
      ['INCLUDED', newer],
      ['SAFE', older],
    ] as const) {
      for (const limit of [1, 2, 5]) {
        const seen: string[] = [];
        let cursor: string | null = '';
        while (cursor !== null) {
          const page: { withdrawals: View[]; cursor: string | null } = await list(
            `status=${status}&limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`,
          );
          seen.push(...page.withdrawals.map((view) => view.id));
          cursor = page.cursor;
        }
        expect([status, limit, seen]).toEqual([status, limit, expected]);
      }
    }
    await on.anvil.mine(12);
    await quiet(on);
  });

  it('waits for a stage, answers at once beyond it or at an end, and in time otherwise', async () => {
    const past = await get(`/v1/withdrawals/${done.id}?waitFor=BROADCASTED`);
    expect(past.body['status']).toBe('COMPLETED');
    const ended = await get(`/v1/withdrawals/${rejected}?waitFor=COMPLETED`);
    expect(ended.body['status']).toBe('REJECTED');
    await on.stopRole('worker');
    const { body } = await on.withdraw(order(50));
    const started = performance.now();
    const early = await get(`/v1/withdrawals/${body['id']}?waitFor=COMPLETED&timeoutMs=300`);
    expect([early.status, early.body['status']]).toEqual([200, 'RESERVED']);
    expect(performance.now() - started).toBeGreaterThan(290);
    const polls = Array.from({ length: 50 }, () => on.waitFor(body['id'] as string, 'BROADCASTED'));
    await on.startWorker();
    for (const poll of await Promise.all(polls)) {
      expect(['BROADCASTED', 'INCLUDED', 'SAFE', 'COMPLETED']).toContain(poll['status']);
    }
    await on.anvil.mine(15);
    await quiet(on);
  });

  it('tells balances as they were at any moment', async () => {
    await on.deposit('carol', 'USDC', '100');
    await note();
    await on.stopRole('worker');
    const { body } = await on.withdraw(order(60, { account: 'carol', amount: '10' }));
    await note();
    await on.deposit('carol', 'USDC', '0.000001');
    await note();
    await on.startWorker();
    await on.waitFor(body['id'] as string, 'BROADCASTED');
    await on.anvil.mine(15);
    await on.waitFor(body['id'] as string);
    await quiet(on);
    await note();
    expect(moments.map(({ available, reserved }) => [available, reserved])).toEqual([
      ['100', '0'],
      ['89.5', '10.5'],
      ['89.500001', '10.5'],
      ['89.500001', '0'],
    ]);
    for (const { at, available, reserved } of moments) {
      const then = await get<{ balances: object[] }>(`/v1/accounts/carol/balances?at=${at}`);
      expect(then.body.balances).toMatchObject([{ asset: 'USDC', available, reserved }]);
    }
    const before = await get<{ balances: { posted: string }[] }>(
      '/v1/accounts/carol/balances?at=2020-01-01T00:00:00%2B09:00',
    );
    expect(before.body.balances.map((balance) => balance.posted)).toEqual(['0']);
    expect((await get('/v1/accounts/carol/balances', other.key)).status).toBe(404);
  });

  it('gives a statement that adds up to the balance, page by page', async () => {
    type Line = { id: string; kind: string; availableAtomic: string; reservedAtomic: string };
    const lines: Line[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: { body: { transfers: Line[]; cursor: string | null } } = await get<{
        transfers: Line[];
        cursor: string | null;
      }>(`/v1/accounts/carol/transfers?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`);
      lines.push(...page.body.transfers);
      cursor = page.body.cursor;
    }
    expect(lines.map((line) => line.kind)).toEqual(['COMMIT', 'DEPOSIT', 'RESERVE', 'DEPOSIT']);
    const sum = (side: 'availableAtomic' | 'reservedAtomic') =>
      lines.reduce((total, line) => total + BigInt(line[side]), 0n);
    expect([sum('availableAtomic'), sum('reservedAtomic')]).toEqual([89_500_001n, 0n]);
  });
});
