import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { type Db, inTransaction, type Sql } from '../db/index.ts';
import {
  type EventRow,
  historyEpoch,
  lastPosition,
  readEvents,
  sequenceEvents,
  writeEvents,
} from './index.ts';

let at: MainDatabase;
let reader: Reader;
beforeEach(async () => {
  at = await MainDatabase.start();
  reader = new Reader(at.app, at.tenantId);
});
afterEach(() => at.stop());

/** Follows the history by its cursor, as a client does. */
class Reader {
  readonly seen: EventRow[] = [];
  readonly #db: Db;
  readonly #tenantId: string;
  #after = 0n;

  constructor(db: Db, tenantId: string) {
    this.#db = db;
    this.#tenantId = tenantId;
  }

  async look(limit = 1_000): Promise<string[]> {
    const rows = await readEvents(this.#db, {
      tenantId: this.#tenantId,
      after: this.#after,
      limit,
    });
    this.#after = rows.at(-1)?.position ?? this.#after;
    this.seen.push(...rows);
    return rows.map((row) => row.type);
  }
}

/** A transaction that is open until the test ends it. */
async function open(db: Db): Promise<{ sql: Sql; commit(): Promise<void>; undo(): Promise<void> }> {
  const client = await db.connect();
  await client.query('BEGIN');
  const end = (text: string) => async () => {
    await client.query(text);
    client.release();
  };
  return { sql: client, commit: end('COMMIT'), undo: end('ROLLBACK') };
}

const write = (sql: Sql, type: string, subjectId: string = randomUUID()) =>
  writeEvents(sql, [{ tenantId: at.tenantId, type, subjectId }]);

describe('the history', () => {
  it('skips nothing when two writers commit in the opposite order of their ids', async () => {
    const [first, second] = [await open(at.app), await open(at.app)];
    await write(first.sql, 'first');
    await write(second.sql, 'second');
    await second.commit();
    await sequenceEvents(at.app);
    expect(await reader.look()).toEqual(['second']);
    await sequenceEvents(at.app);
    expect(await reader.look()).toEqual([]);
    await first.commit();
    await sequenceEvents(at.app);
    expect(await reader.look()).toEqual(['first']);
    await sequenceEvents(at.app);
    expect(await reader.look()).toEqual([]);
  });

  it('numbers each event once while an old transaction stays open, and nothing of an undone one', async () => {
    const [oldest, undone] = [await open(at.app), await open(at.app)];
    await write(oldest.sql, 'oldest');
    await write(undone.sql, 'undone');
    for (const type of ['a', 'b', 'c']) {
      await write(at.app, type);
      await sequenceEvents(at.app);
      expect(await reader.look()).toEqual([type]);
    }
    await undone.undo();
    await write(at.app, 'd');
    await oldest.commit();
    await sequenceEvents(at.app);
    // Within a round in the order in which they were written.
    expect(await reader.look()).toEqual(['oldest', 'd']);
    expect(await sequenceEvents(at.app)).toBe(0);
    expect(reader.seen.map((row) => row.position)).toEqual([1n, 2n, 3n, 4n, 5n]);
  });

  it('loses nothing in rounds that are full, and gives the rest in the next ones', async () => {
    const late = await open(at.app);
    await write(late.sql, 'late');
    await writeEvents(
      at.app,
      Array.from({ length: 25 }, (_, n) => ({ tenantId: at.tenantId, type: `e${n}` })),
    );
    const rounds: number[] = [];
    for (;;) {
      const numbered = await sequenceEvents(at.app, 10);
      if (numbered === 0) break;
      rounds.push(numbered);
    }
    expect(rounds).toEqual([10, 10, 5]);
    await late.commit();
    expect(await sequenceEvents(at.app, 10)).toBe(1);
    while ((await reader.look(7)).length > 0);
    expect(reader.seen.map((row) => row.type)).toEqual([
      ...Array.from({ length: 25 }, (_, n) => `e${n}`),
      'late',
    ]);
  });

  it('is numbered by one of two sequencers at once, without a gap or a repeat', async () => {
    const other = at.pool('payonce_app');
    let writing = true;
    const writers = [at.app, other].map(async (db, writer) => {
      for (let n = 0; n < 100; n += 1) {
        await inTransaction(db, async (sql) => {
          await write(sql, `${writer}:${n}`);
          await sql.query('SELECT pg_sleep(random() * 0.003)');
        });
      }
    });
    const sequencers = [at.app, other].map(async (db) => {
      while (writing) await sequenceEvents(db, 9);
    });
    const reading = (async () => {
      while (writing) await reader.look(5);
    })();
    await Promise.all(writers);
    writing = false;
    await Promise.all([...sequencers, reading]);
    while ((await sequenceEvents(at.app)) > 0);
    while ((await reader.look()).length > 0);
    expect(reader.seen.map((row) => row.position)).toEqual(
      Array.from({ length: 200 }, (_, n) => BigInt(n + 1)),
    );
    for (const writer of ['0', '1']) {
      const types = reader.seen.map((row) => row.type).filter((type) => type.startsWith(writer));
      expect(types).toEqual(Array.from({ length: 100 }, (_, n) => `${writer}:${n}`));
    }
  });

  it('keeps the order of one subject whose row is what its writers wait for', async () => {
    await at.owner.query(
      'CREATE TABLE subject (id uuid PRIMARY KEY, n int); GRANT ALL ON subject TO payonce_app',
    );
    const ids: string[] = [randomUUID(), randomUUID(), randomUUID()];
    await at.owner.query('INSERT INTO subject SELECT unnest($1::uuid[]), 0', [ids]);
    const move = (id: string) =>
      inTransaction(at.app, async (sql) => {
        await sql.query('SELECT pg_current_xact_id()');
        const { rows } = await sql.query<{ n: number }>(
          'UPDATE subject SET n = n + 1 WHERE id = $1 RETURNING n',
          [id],
        );
        await write(sql, String(rows[0]!.n), id);
      });
    let moving = true;
    const following = (async () => {
      while (moving) {
        await sequenceEvents(at.app, 4);
        await reader.look();
      }
    })();
    await Promise.all(Array.from({ length: 90 }, (_, n) => move(ids[n % 3]!)));
    moving = false;
    await following;
    while ((await sequenceEvents(at.app)) > 0);
    await reader.look();
    for (const id of ids) {
      const order = reader.seen
        .filter((row) => row.subjectId === id)
        .map((row) => Number(row.type));
      expect(order).toEqual(Array.from({ length: 30 }, (_, n) => n + 1));
    }
  });

  it('shows a tenant its own events only, and what they say', async () => {
    const stranger = await at.tenant('stranger');
    const subjectId = randomUUID();
    await writeEvents(at.app, [
      { tenantId: stranger, type: 'theirs' },
      { tenantId: null, type: 'nobody’s' },
      { tenantId: at.tenantId, type: 'ours', subjectId, correlationId: 'c-1', data: { n: 1 } },
    ]);
    await writeEvents(at.app, []);
    expect(await lastPosition(at.app, at.tenantId)).toBe(0n);
    await sequenceEvents(at.app);
    await reader.look();
    expect(reader.seen).toMatchObject([
      {
        type: 'ours',
        subjectId,
        correlationId: 'c-1',
        data: { n: 1 },
        fromState: null,
        toState: null,
      },
    ]);
    expect(await lastPosition(at.app, at.tenantId)).toBe(3n);
    expect(await historyEpoch(at.app)).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('wakes whoever waits for events', async () => {
    const client = await at.owner.connect();
    const heard = new Promise((resolve) => client.once('notification', resolve));
    await client.query('LISTEN payonce_event');
    await write(at.app, 'one');
    await sequenceEvents(at.app);
    expect(await heard).toMatchObject({ channel: 'payonce_event' });
    client.release(true);
  });
});
