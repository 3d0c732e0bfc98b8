import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { inTransaction, Listener } from '../db/index.ts';
import { Invariant, silentLog, systemClock, Transient, UnknownOutcome } from '../kernel/index.ts';
import {
  type Claim,
  claim,
  complete,
  enqueue,
  type Handler,
  type Outcome,
  postgresTransport,
  Runner,
  runClaim,
} from './index.ts';

let at: MainDatabase;
beforeAll(async () => {
  at = await MainDatabase.start();
  await at.owner.query('CREATE TABLE done (id uuid PRIMARY KEY, small smallint)');
  await at.owner.query('GRANT ALL ON done TO payonce_app');
});
afterAll(() => at.stop());

const BACKOFF = { baseMs: 60_000, capMs: 60_000, limit: 3 };
const handlerOf = (topic: string, run: Handler['run'], more: Partial<Handler> = {}): Handler => ({
  topic,
  batch: 100,
  backoff: BACKOFF,
  run,
  ...more,
});
const options = () => ({
  db: at.app,
  transport: postgresTransport,
  log: silentLog,
  random: () => 0.5,
});

async function jobs(topic: string, n: number, tenantId = at.tenantId): Promise<string[]> {
  const ids = Array.from({ length: n }, () => randomUUID());
  await enqueue(
    at.app,
    ids.map((subjectId) => ({ topic, subjectId, tenantId })),
  );
  return ids;
}

/** One claim of these jobs, run by the handler; what is left of them after. */
async function runOnce(handler: Handler): Promise<void> {
  const claimed = await claim(at.app, handler.topic, { limit: 100, leaseMs: 60_000 });
  await runClaim(options(), handler, claimed);
}
const left = (topic: string) =>
  at.rows<{ id: string; attempts: number; error: string; seconds: number; leased: boolean }>(
    `SELECT subject_id AS id, attempts, last_error AS error, lease_token IS NOT NULL AS leased,
       round(extract(epoch FROM run_at - now()))::int AS seconds FROM job WHERE topic = $1`,
    [topic],
  );
const dead = (topic: string) =>
  at.rows<{ id: string; reason: string }>(
    'SELECT subject_id AS id, reason FROM dead_letter WHERE topic = $1',
    [topic],
  );

describe('a claim that is run', () => {
  it('settles each item by its own outcome', async () => {
    const [finished, waits, retries, soon, dies] = await jobs('each', 5);
    const run = async (claimed: Claim): Promise<Outcome[]> => {
      await inTransaction(at.app, (sql) => complete(sql, claimed, [finished!]));
      return [
        { kind: 'wait', subjectId: waits!, delayMs: 5_000, reason: 'not yet' },
        { kind: 'retry', subjectId: retries!, error: 'broken' },
        { kind: 'retry', subjectId: soon!, delayMs: 2_000, error: 'broken' },
        { kind: 'dead', subjectId: dies!, reason: 'never' },
        { kind: 'dead', subjectId: randomUUID(), reason: 'nobody asked' },
      ];
    };
    await runOnce(handlerOf('each', run));
    const rows = new Map((await left('each')).map((row) => [row.id, row]));
    expect(rows.get(waits!)).toMatchObject({ attempts: 0, error: 'not yet', seconds: 5 });
    expect(rows.get(retries!)).toMatchObject({ attempts: 1, error: 'broken', seconds: 30 });
    expect(rows.get(soon!)).toMatchObject({ attempts: 1, seconds: 2, leased: false });
    expect(rows.size).toBe(3);
    expect(await dead('each')).toEqual([{ id: dies, reason: 'never' }]);
  });

  it('goes to the dead letters after its limit of tries, with the last error', async () => {
    const [id] = await jobs('limit', 1);
    const run = async (): Promise<Outcome[]> => [
      { kind: 'retry', subjectId: id!, delayMs: 0, error: 'still' },
    ];
    for (let n = 0; n < 3; n += 1) await runOnce(handlerOf('limit', run));
    expect(await left('limit')).toEqual([]);
    expect(await dead('limit')).toEqual([{ id, reason: 'gave up after 3 tries: still' }]);
  });

  it.each([
    ['Transient', new Transient('away')],
    ['UnknownOutcome', new UnknownOutcome('perhaps')],
    ['a lost connection', Object.assign(new Error('gone'), { code: '57P01' })],
    ['a full disk', Object.assign(new Error('no space left'), { code: '53100' })],
    ['a failing disk', Object.assign(new Error('could not read block'), { code: '58030' })],
    ['a race', Object.assign(new Error('race'), { code: '40P01' })],
  ])('is given back whole, not counted, when its step throws %s', async (kind, error) => {
    const topic = `back ${kind}`;
    await jobs(topic, 3);
    let calls = 0;
    await runOnce(
      handlerOf(topic, async () => {
        calls += 1;
        throw error;
      }),
    );
    expect(calls).toBe(1);
    expect(await left(topic)).toMatchObject(
      Array(3).fill({ attempts: 0, error: error.message, seconds: 30, leased: false }),
    );
  });

  it('is halved until the one item that breaks the statement stands alone', async () => {
    const ids = await jobs('halving', 20);
    const bad = ids[13]!;
    const run = async (claimed: Claim): Promise<Outcome[]> => {
      await inTransaction(at.app, async (sql) => {
        const ours = [...(await complete(sql, claimed))];
        await sql.query('INSERT INTO done SELECT * FROM unnest($1::uuid[], $2::int[])', [
          ours,
          ours.map((id) => (id === bad ? 99_999 : 1)),
        ]);
      });
      return [];
    };
    await runOnce(handlerOf('halving', run));
    const done = await at.rows<{ id: string }>('SELECT id FROM done');
    expect(done.map((row) => row.id).sort()).toEqual(ids.filter((id) => id !== bad).sort());
    expect(await left('halving')).toMatchObject([
      { id: bad, attempts: 1, error: 'smallint out of range' },
    ]);
  });

  it('parks the item that breaks a law of ours at once, and only that', async () => {
    const ids = await jobs('law', 5);
    const run = async (claimed: Claim): Promise<Outcome[]> => {
      if (claimed.jobs.some((job) => job.subjectId === ids[2])) {
        throw new Invariant('internal', 'a law is broken');
      }
      await inTransaction(at.app, (sql) => complete(sql, claimed));
      return [];
    };
    await runOnce(handlerOf('law', run));
    expect(await left('law')).toEqual([]);
    expect(await dead('law')).toEqual([{ id: ids[2], reason: 'internal: a law is broken' }]);
  });
});

describe('a runner', () => {
  it('is woken by a notification, and works until nothing is left', async () => {
    const seen: string[] = [];
    let finished = () => {};
    const all = new Promise<void>((resolve) => {
      finished = resolve;
    });
    const run = async (claimed: Claim): Promise<Outcome[]> => {
      const ours = await inTransaction(at.app, (sql) => complete(sql, claimed));
      seen.push(...ours);
      if (seen.length === 250) finished();
      return [];
    };
    // An hour of rest: only the notification can have started it.
    const runner = new Runner({
      ...options(),
      handlers: [handlerOf('woken', run, { concurrency: 2 })],
      clock: systemClock,
      idleMs: 3_600_000,
    }).start();
    const listener = new Listener({
      url: at.databases.mainUrl,
      role: 'payonce_app',
      name: 'test',
    }).on('payonce_job', (topic) => runner.wake(topic));
    await listener.start();
    const ids = await jobs('woken', 250);
    await all;
    await runner.stop();
    await listener.stop();
    expect(seen.sort()).toEqual(ids.sort());
  });

  it('comes to every tenant, however many stand before with work for later, and then rests', async () => {
    const tenants = Array.from({ length: 150 }, () => randomUUID()).sort();
    await enqueue(
      at.app,
      tenants.map((tenantId, n) => ({
        topic: 'tenants',
        subjectId: randomUUID(),
        tenantId,
        delayMs: n < 149 ? 3_600_000 : 0,
      })),
    );
    let served = '';
    const run = async (claimed: Claim): Promise<Outcome[]> => {
      await inTransaction(at.app, (sql) => complete(sql, claimed));
      served = claimed.jobs[0]!.tenantId;
      return [];
    };
    let rests = () => {};
    const resting = new Promise<void>((resolve) => {
      rests = resolve;
    });
    const clock = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) => {
        // Not the rest between two looks at all topics, which begins at once.
        if (ms < 3_600_000) rests();
        return systemClock.sleep(ms, signal);
      },
    };
    const runner = new Runner({
      ...options(),
      handlers: [handlerOf('tenants', run)],
      clock,
      idleMs: 3_600_000,
    }).start();
    await resting;
    await runner.stop();
    expect(served).toBe(tenants[149]);
  });

  it('has any number of moments to wake at, without a warning of the runtime', async () => {
    const warnings: string[] = [];
    const note = (warning: Error) => warnings.push(warning.name);
    process.on('warning', note);
    const ids = new Set(await jobs('later', 15));
    let all = () => {};
    const putOff = new Promise<void>((resolve) => {
      all = resolve;
    });
    const run = async ({ jobs: [job] }: Claim): Promise<Outcome[]> => {
      const subjectId = job!.subjectId;
      ids.delete(subjectId);
      if (ids.size === 0) all();
      return [{ kind: 'wait', subjectId, delayMs: 2_000, reason: 'not yet' }];
    };
    const runner = new Runner({
      ...options(),
      handlers: [handlerOf('later', run, { batch: 1 })],
      clock: systemClock,
    }).start();
    await putOff;
    await runner.stop();
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('claims nothing while its handler has no room', async () => {
    await jobs('room', 1);
    let asked = () => {};
    const looked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const batch = async () => {
      asked();
      return 0;
    };
    const runner = new Runner({
      ...options(),
      handlers: [handlerOf('room', async () => [], { batch })],
      clock: systemClock,
    }).start();
    await looked;
    await runner.stop();
    expect(await left('room')).toMatchObject([{ attempts: 0, leased: false }]);
  });
});
