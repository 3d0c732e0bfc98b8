import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { type Db, inTransaction } from '../../src/base/db/index.ts';
import type { Claim, Transport } from '../../src/base/queue/index.ts';

type TransportUnderTest = {
  transport: Transport;
  /** Two pools on one database with an empty job table: two processes. */
  one: Db;
  two: Db;
};

const TENANT = '10000000-0000-7000-8000-000000000000';
const tenantOf = (n: number) => `20000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
const MINUTE = 60_000;

/** What every transport must do; call it inside a describe. Each test has a topic of its own. */
export function queueTransportConformance(start: () => TransportUnderTest): void {
  const topic = () => `t.${randomUUID()}`;
  const put = (name: string, subjectId: string, delayMs = 0, tenantId = TENANT) =>
    start().transport.enqueue(start().one, [{ topic: name, subjectId, tenantId, delayMs }]);
  const take = (name: string, limit = 10, leaseMs = MINUTE, after?: string): Promise<Claim> =>
    start().transport.claim(start().two, name, {
      limit,
      leaseMs,
      ...(after === undefined ? {} : { after }),
    });
  const done = (claimed: Claim, ids?: string[]) =>
    inTransaction(start().two, (sql) => start().transport.complete(sql, claimed, ids));
  const subjects = (claimed: Claim) => claimed.jobs.map((job) => job.subjectId);

  it('gives a job to one claimer, and after it is completed to none', async () => {
    const name = topic();
    const id = randomUUID();
    await put(name, id);
    const claimed = await take(name);
    expect(claimed.jobs).toEqual([
      { subjectId: id, tenantId: TENANT, gen: 0, attempts: 1, trace: null },
    ]);
    expect((await take(name)).jobs).toEqual([]);
    expect(await done(claimed)).toEqual(new Set([id]));
    expect(await done(claimed)).toEqual(new Set());
    expect((await take(name)).jobs).toEqual([]);
  });

  it('never gives one job to two claimers at once', async () => {
    const name = topic();
    const { transport, one, two } = start();
    const ids = Array.from({ length: 200 }, () => randomUUID());
    await transport.enqueue(
      one,
      ids.map((subjectId) => ({ topic: name, subjectId, tenantId: TENANT })),
    );
    const claims = await Promise.all(
      [one, two, one, two].map((db) => transport.claim(db, name, { limit: 100, leaseMs: MINUTE })),
    );
    const all = claims.flatMap(subjects);
    expect(new Set(all).size).toBe(all.length);
  });

  it('does not make or complete a job whose transaction is undone', async () => {
    const name = topic();
    const { transport, one } = start();
    const id = randomUUID();
    const undone = (work: (sql: Parameters<Transport['enqueue']>[0]) => Promise<unknown>) =>
      expect(
        inTransaction(one, async (sql) => {
          await work(sql);
          throw new Error('undone');
        }),
      ).rejects.toThrow('undone');
    await undone((sql) =>
      transport.enqueue(sql, [{ topic: name, subjectId: id, tenantId: TENANT }]),
    );
    expect((await take(name)).jobs).toEqual([]);
    await put(name, id);
    const claimed = await take(name);
    await undone((sql) => transport.complete(sql, claimed));
    expect(await done(claimed)).toEqual(new Set([id]));
  });

  it('runs at the earliest of the times asked for', async () => {
    const name = topic();
    const id = randomUUID();
    await put(name, id, MINUTE);
    expect((await take(name)).jobs).toEqual([]);
    await put(name, id, 0);
    await put(name, id, MINUTE);
    expect(subjects(await take(name))).toEqual([id]);
    const both = topic();
    await start().transport.enqueue(
      start().one,
      [MINUTE, 0, MINUTE].map((delayMs) => ({
        topic: both,
        subjectId: id,
        tenantId: TENANT,
        delayMs,
      })),
    );
    expect(subjects(await take(both))).toEqual([id]);
  });

  it('does not lose an event that arrives during a lease', async () => {
    const name = topic();
    const id = randomUUID();
    await put(name, id);
    const claimed = await take(name);
    await put(name, id);
    expect(await done(claimed)).toEqual(new Set());
    const [again] = (await take(name)).jobs;
    expect(again).toMatchObject({ subjectId: id, gen: 1, attempts: 1 });
  });

  it('does not lose, or delay by a lease, an event that commits while its job is being completed', async () => {
    const name = topic();
    const id = randomUUID();
    const { transport, one } = start();
    await put(name, id);
    const claimed = await take(name);
    const client = await one.connect();
    await client.query('BEGIN');
    await transport.enqueue(client, [{ topic: name, subjectId: id, tenantId: TENANT }]);
    const completing = done(claimed);
    const waiting = await Promise.race([waitingForLock(one), completing]);
    await client.query('COMMIT');
    client.release();
    expect(waiting).toBe('waits for the lock');
    expect(await completing).toEqual(new Set());
    expect(subjects(await take(name))).toEqual([id]);
  });

  it('does not bury an event that arrived during the lease of the try that gave up', async () => {
    const name = topic();
    const id = randomUUID();
    await put(name, id);
    const claimed = await take(name);
    await put(name, id);
    await start().transport.bury(start().two, claimed, [{ subjectId: id, reason: 'no' }]);
    expect(subjects(await take(name))).toEqual([id]);
  });

  it('does not let a delay push away an event that arrived during the lease', async () => {
    const name = topic();
    const id = randomUUID();
    await put(name, id);
    const claimed = await take(name);
    await put(name, id);
    await start().transport.postpone(start().two, claimed, [
      { subjectId: id, delayMs: MINUTE, error: 'later' },
    ]);
    expect(subjects(await take(name))).toEqual([id]);
  });

  it('gives a job whose lease ran out to the next, and the late one completes nothing', async () => {
    const name = topic();
    const id = randomUUID();
    const { transport, two } = start();
    await put(name, id);
    const late = await take(name, 10, -1);
    const thief = await take(name);
    expect(thief.jobs).toMatchObject([{ subjectId: id, attempts: 2 }]);
    expect(await done(late)).toEqual(new Set());
    await transport.postpone(two, late, [{ subjectId: id, delayMs: 0, error: 'late' }]);
    await transport.bury(two, late, [{ subjectId: id, reason: 'late' }]);
    expect((await take(name)).jobs).toEqual([]);
    expect(await done(thief)).toEqual(new Set([id]));
  });

  it('tells which topics have jobs, due or not, claimed or not, and no other', async () => {
    const { transport, two } = start();
    const [due, later, claimed, none] = [topic(), topic(), topic(), topic()];
    await put(due, randomUUID());
    await put(claimed, randomUUID());
    await take(claimed);
    await put(later, randomUUID());
    const putOff = await take(later);
    await transport.postpone(two, putOff, [
      { subjectId: putOff.jobs[0]!.subjectId, delayMs: MINUTE, error: 'later' },
    ]);
    const found = await transport.waiting(two, [due, none, later, claimed]);
    expect(new Set(found)).toEqual(new Set([due, later, claimed]));
  });

  it('counts tries, but not waiting', async () => {
    const name = topic();
    const id = randomUUID();
    const { transport, two } = start();
    await put(name, id);
    const later = (claimed: Claim, keepAttempts: boolean) =>
      transport.postpone(two, claimed, [{ subjectId: id, delayMs: 0, error: 'x', keepAttempts }]);
    await later(await take(name), false);
    await later(await take(name), true);
    const third = await take(name);
    expect(third.jobs[0]!.attempts).toBe(2);
    await transport.postpone(two, third, [{ subjectId: id, delayMs: MINUTE, error: 'x' }]);
    expect((await take(name)).jobs).toEqual([]);
  });

  it('completes only the subjects named', async () => {
    const name = topic();
    const [a, b] = [randomUUID(), randomUUID()];
    await put(name, a);
    await put(name, b);
    const claimed = await take(name);
    expect(await done(claimed, [a])).toEqual(new Set([a]));
    expect(await done(claimed, [])).toEqual(new Set());
    expect(await done(claimed)).toEqual(new Set([b]));
  });

  it('gives every tenant its share of a claim, whatever stands before', async () => {
    const name = topic();
    const { transport, one } = start();
    await transport.enqueue(
      one,
      Array.from({ length: 500 }, () => ({
        topic: name,
        subjectId: randomUUID(),
        tenantId: tenantOf(1),
        delayMs: -MINUTE,
      })),
    );
    const [small, other] = [randomUUID(), randomUUID()];
    await put(name, small, 0, tenantOf(2));
    await put(name, other, 0, tenantOf(3));
    const claimed = await take(name, 30);
    expect(subjects(claimed)).toEqual(expect.arrayContaining([small, other]));
    expect(claimed.jobs).toHaveLength(12);
  });

  it('gives no more than the limit, and comes to every tenant in turn', async () => {
    const name = topic();
    const { transport, one } = start();
    const due = 130;
    // The first tenants have work for later only, as with expiries: they must hide nobody.
    await transport.enqueue(
      one,
      Array.from({ length: 200 }, (_, n) => ({
        topic: name,
        subjectId: randomUUID(),
        tenantId: tenantOf(n),
        delayMs: n < 200 - due ? MINUTE : 0,
      })),
    );
    const served = new Set<string>();
    let after: string | null = null;
    let claims = 0;
    do {
      const claimed: Claim = await take(name, 7, MINUTE, after ?? undefined);
      expect(claimed.jobs.length).toBeLessThanOrEqual(7);
      for (const job of claimed.jobs) served.add(job.tenantId);
      after = claimed.next;
      claims += 1;
    } while (after !== null && claims < 100);
    expect(served.size).toBe(due);
  });
}

/** Resolves when some session of this database waits for a lock. */
async function waitingForLock(db: Db): Promise<string> {
  for (;;) {
    const { rows } = await db.query<{ waiting: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE NOT l.granted AND a.datname = current_database()) AS waiting`,
    );
    if (rows[0]!.waiting) return 'waits for the lock';
  }
}
