import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queueTransportConformance } from '../../../test/conformance/queue-transport.ts';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { type Db, inTransaction, type Sql } from '../db/index.ts';
import { bury, claim, complete, enqueue, postgresTransport, postpone } from './index.ts';

let at: MainDatabase;
let other: Db;
beforeAll(async () => {
  at = await MainDatabase.start();
  other = at.pool('payonce_app');
});
afterAll(() => at.stop());

describe('the job table as a transport', () => {
  queueTransportConformance(() => ({ transport: postgresTransport, one: at.app, two: other }));
});

function jobsOf(topic: string, count: number) {
  const { tenantId } = at;
  return Array.from({ length: count }, () => ({ topic, subjectId: randomUUID(), tenantId }));
}

/** Entries of the table's indexes that this session read. */
async function readByIndex(sql: Sql): Promise<number> {
  const { rows } = await sql.query<{ n: bigint }>(
    `SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint AS n FROM pg_index WHERE indrelid = 'job'::regclass`,
  );
  return Number(rows[0]!.n);
}

describe('the job table', () => {
  it('tells what was announced, once per topic, when it is committed', async () => {
    const client = await at.owner.connect();
    const heard: string[] = [];
    let ring = () => {};
    client.on('notification', ({ payload }) => {
      heard.push(payload ?? '');
      ring();
    });
    await client.query('LISTEN payonce_job');
    const rung = new Promise<void>((resolve) => {
      ring = resolve;
    });
    await enqueue(at.app, jobsOf('rung', 50));
    await rung;
    await client.query('SELECT 1');
    expect(heard).toEqual(['rung']);
    client.release(true);
  });

  it('is read by the subjects of a step alone, though its statistics know the topic as empty', async () => {
    await enqueue(at.app, jobsOf('burst', 2_000));
    await at.rows(`DELETE FROM job WHERE topic = 'burst'`);
    await at.rows('ANALYZE job');
    await enqueue(at.app, jobsOf('burst', 2_000));
    const claimed = await claim(at.app, 'burst', { limit: 100, leaseMs: 60_000 });
    const read = await inTransaction(at.app, async (sql) => {
      const before = await readByIndex(sql);
      expect((await complete(sql, claimed)).size).toBe(100);
      return (await readByIndex(sql)) - before;
    });
    expect(read).toBeLessThanOrEqual(300);
  });

  it('keeps the reason of a delay, and a dead letter with tries, reason and trace', async () => {
    const subjectId = randomUUID();
    await enqueue(at.app, [{ topic: 'kept', subjectId, tenantId: at.tenantId, trace: 'corr' }]);
    const first = await claim(at.app, 'kept', { limit: 1, leaseMs: 60_000 });
    expect(first.jobs[0]!.trace).toBe('corr');
    await postpone(at.app, first, [{ subjectId, delayMs: 0, error: 'e'.repeat(900) }]);
    const rows = await at.rows<{ last_error: string }>(
      'SELECT last_error FROM job WHERE subject_id = $1',
      [subjectId],
    );
    expect(rows[0]!.last_error).toHaveLength(500);
    const second = await claim(at.app, 'kept', { limit: 1, leaseMs: 60_000 });
    await bury(at.app, second, [{ subjectId, reason: 'broken' }]);
    expect(await at.rows('SELECT 1 FROM job WHERE subject_id = $1', [subjectId])).toEqual([]);
    expect(
      await at.rows(
        'SELECT topic, attempts, reason, trace FROM dead_letter WHERE subject_id = $1',
        [subjectId],
      ),
    ).toEqual([{ topic: 'kept', attempts: 2, reason: 'broken', trace: 'corr' }]);
  });
});
