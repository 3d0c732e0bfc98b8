import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queueTransportConformance } from '../../../test/conformance/queue-transport.ts';
import { MainDatabase } from '../../../test/support/main-database.ts';
import type { Db } from '../db/index.ts';
import { bury, claim, enqueue, postgresTransport, postpone } from './index.ts';

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
    await enqueue(
      at.app,
      Array.from({ length: 50 }, () => ({
        topic: 'rung',
        subjectId: randomUUID(),
        tenantId: at.tenantId,
      })),
    );
    await rung;
    await client.query('SELECT 1');
    expect(heard).toEqual(['rung']);
    client.release(true);
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
