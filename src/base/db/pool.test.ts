import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { COMMIT, TcpProxy } from '../../../test/support/tcp-proxy.ts';
import { Transient, UnknownOutcome } from '../kernel/index.ts';
import { type Db, dbErrorKind, inTransaction, openPool, type Sql } from './index.ts';

let at: MainDatabase;
let proxy: TcpProxy;
let db: Db;
beforeAll(async () => {
  at = await MainDatabase.start();
  await at.owner.query('CREATE TABLE note (n int PRIMARY KEY, text text)');
  await at.owner.query('GRANT SELECT, INSERT, UPDATE ON note TO payonce_app');
  await at.owner.query(`INSERT INTO note VALUES (-1, ''), (-2, '')`);
  proxy = await TcpProxy.start(at.databases.mainUrl);
  db = at.pool('payonce_app', 4, proxy.url(at.databases.mainUrl));
});
afterAll(async () => {
  await at.stop();
  await proxy.stop();
});

const insert = (n: number) => (sql: Sql) => sql.query('INSERT INTO note (n) VALUES ($1)', [n]);
const said = (fields: object) => Object.assign(new pg.DatabaseError('no', 2, 'error'), fields);
const exists = async (n: number) =>
  (await at.rows('SELECT 1 FROM note WHERE n = $1', [n])).length === 1;

describe('a transaction', () => {
  it('returns what the work returned once it is committed, and undoes it all when the work throws', async () => {
    expect(await inTransaction(db, async (sql) => (await insert(1)(sql)).rowCount)).toBe(1);
    const failure = new Error('no');
    const failing = inTransaction(db, async (sql) => {
      await insert(2)(sql);
      throw failure;
    });
    await expect(failing).rejects.toBe(failure);
    expect([await exists(1), await exists(2)]).toEqual([true, false]);
  });

  it('whose COMMIT was delivered and not answered has an unknown outcome, and it happened', async () => {
    const lost = proxy.loseAnswer(COMMIT);
    await expect(inTransaction(db, insert(3))).rejects.toBeInstanceOf(UnknownOutcome);
    await lost;
    expect(await exists(3)).toBe(true);
  });

  it('on a connection that no longer answers ends, and so does a statement of its own', async () => {
    const silent = await TcpProxy.start(at.databases.mainUrl);
    const url = silent.url(at.databases.mainUrl);
    const hasty = openPool({ url, role: 'payonce_app', name: 'test', max: 1, answerWithinMs: 300 });
    const hang = async (sql: Sql) => {
      silent.silence();
      await insert(20)(sql);
    };
    await expect(inTransaction(hasty, hang)).rejects.toBeInstanceOf(Transient);
    silent.speak();
    const unanswered = inTransaction(hasty, async (sql) => {
      await insert(21)(sql);
      silent.silence();
    });
    await expect(unanswered).rejects.toBeInstanceOf(UnknownOutcome);
    silent.speak();
    await hasty.query('SELECT 1');
    silent.silence();
    const alone = hasty.query('SELECT 1').catch(dbErrorKind);
    expect(await alone).toBe('lost');
    silent.speak();
    expect((await hasty.query<{ n: number }>('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
    expect([await exists(20), await exists(21)]).toEqual([false, true]);
    await hasty.end();
    await silent.stop();
  });

  it('whose COMMIT was never delivered has an unknown outcome too, and it did not happen', async () => {
    const lost = proxy.loseRequest(COMMIT);
    await expect(inTransaction(db, insert(4))).rejects.toBeInstanceOf(UnknownOutcome);
    await lost;
    expect(await exists(4)).toBe(false);
  });

  it.each([
    ['by the driver alone', new Error('a socket of a kind nobody thought of'), UnknownOutcome],
    ['by a pooler between', said({ code: '08P01', severity: 'FATAL' }), UnknownOutcome],
    ['by a server that ends', said({ code: '58030', severity: 'PANIC' }), UnknownOutcome],
    ['by one that goes on', said({ code: '23503', severity: 'ERROR' }), pg.DatabaseError],
  ])('whose COMMIT fails %s is told as what is known of it', async (_by, failure, kind) => {
    const query = async (text: string) => {
      if (text === 'COMMIT') throw failure;
    };
    const client = { query, on: () => {}, off: () => {}, release: () => {} };
    const odd = { connect: async () => client } as unknown as Db;
    const told = await inTransaction(odd, async () => 1).catch((error: unknown) => error);
    expect((told as Error).constructor).toBe(kind);
  });

  it.each(['BEGIN', 'INSERT INTO note', 'ROLLBACK'])(
    'whose connection is lost at %s is Transient or what the work threw: nothing happened',
    async (where) => {
      const lost = proxy.loseAnswer(where);
      const work = async (sql: Sql) => {
        await insert(5)(sql);
        if (where === 'ROLLBACK') throw new Transient('the work itself');
      };
      await expect(inTransaction(db, work)).rejects.toBeInstanceOf(Transient);
      await lost;
      expect(await exists(5)).toBe(false);
    },
  );

  it('is Transient while the database can not be reached, and works when it is back', async () => {
    proxy.down();
    await expect(inTransaction(db, insert(6))).rejects.toBeInstanceOf(Transient);
    proxy.up();
    await inTransaction(db, insert(6));
    expect(await exists(6)).toBe(true);
  });

  it('that the server ends while it is idle is Transient', async () => {
    const work = async (sql: Sql) => {
      await insert(7)(sql);
      const { rows } = await sql.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await at.owner.query('SELECT pg_terminate_backend($1, 5000)', [rows[0]!.pid]);
      await insert(8)(sql);
    };
    await expect(inTransaction(db, work)).rejects.toBeInstanceOf(Transient);
    expect([await exists(7), await exists(8)]).toEqual([false, false]);
  });

  it('is run again when it was the victim of a deadlock, and is Transient when that goes on', async () => {
    // Each holds its own row and waits for the other's: the server must sacrifice one.
    const holds = [gate(), gate()];
    const ends = [gate(), gate()];
    const rounds = [0, 0];
    const crossing = async (me: 0 | 1) => {
      await inTransaction(db, async (sql) => {
        rounds[me]! += 1;
        // Begun again, it could have its row back before the other one has noticed that this is free.
        if (rounds[me]! > 1) await ends[1 - me]!.opened;
        const touch = (n: number) =>
          sql.query(`UPDATE note SET text = text || 'x' WHERE n = $1`, [n]);
        await touch(me === 0 ? -1 : -2);
        holds[me]!.open();
        await holds[1 - me]!.opened;
        await touch(me === 0 ? -2 : -1);
      });
      ends[me]!.open();
    };
    await Promise.all([crossing(0), crossing(1)]);
    expect(rounds.toSorted()).toEqual([1, 2]);
    const texts = await at.rows('SELECT text FROM note WHERE n < 0');
    expect(texts).toEqual([{ text: 'xx' }, { text: 'xx' }]);

    let tries = 0;
    const always = inTransaction(db, async (sql) => {
      tries += 1;
      await sql.query(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$`);
    });
    await expect(always).rejects.toBeInstanceOf(Transient);
    expect(tries).toBe(5);
  });

  it('on a session that may not write, as after a fail-over, is Transient, and the next one has another', async () => {
    const demoted = openPool({
      url: at.databases.mainUrl,
      role: 'payonce_app',
      name: 'test',
      max: 1,
    });
    await demoted.query('SET default_transaction_read_only = on');
    await expect(inTransaction(demoted, insert(30))).rejects.toBeInstanceOf(Transient);
    await inTransaction(demoted, insert(30));
    expect(await exists(30)).toBe(true);
    await demoted.end();
  });

  it('is never told as done when the server rolled it back at COMMIT', async () => {
    const swallowed = inTransaction(db, async (sql) => {
      await insert(9)(sql);
      await sql.query('SELECT 1 / 0').catch(() => {});
    });
    await expect(swallowed).rejects.toBeInstanceOf(Transient);
    expect(await exists(9)).toBe(false);
  });
});

describe('a pool', () => {
  it('runs as its role, in UTC, with bounded statements, and reads numbers as bigint', async () => {
    const { rows } = await at.app.query(
      `SELECT current_user AS role, current_setting('timezone') AS zone, 7::bigint AS eight,
         (2::numeric ^ 256 - 1)::numeric(78, 0) AS most, 1::int AS four`,
    );
    expect(rows[0]).toEqual({
      role: 'payonce_app',
      zone: 'UTC',
      eight: 7n,
      most: 2n ** 256n - 1n,
      four: 1,
    });
  });

  it('outlives an idle connection that the server ends', async () => {
    const pool = openPool({ url: at.databases.mainUrl, role: 'payonce_app', name: 'idle', max: 1 });
    const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const removed = new Promise((resolve) => pool.once('remove', resolve));
    await at.owner.query('SELECT pg_terminate_backend($1, 5000)', [rows[0]!.pid]);
    await removed;
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });
});

describe('the kind of a database error', () => {
  it.each([
    [{ code: 'ECONNREFUSED' }, 'lost'],
    [{ code: '57P01' }, 'lost'],
    [{ code: '25006' }, 'lost'],
    [{ code: '08006' }, 'lost'],
    [{ code: '08P01', severity: 'FATAL' }, 'lost'],
    [{ code: '08P01', severity: 'ERROR' }, 'other'],
    [{ code: 'EAI_AGAIN' }, 'lost'],
    [{ code: 'EHOSTUNREACH' }, 'lost'],
    [new Error('Connection terminated unexpectedly'), 'lost'],
    [new Error('timeout exceeded when trying to connect'), 'lost'],
    [{ code: '40P01' }, 'race'],
    [{ code: '40001' }, 'race'],
    [{ code: '23505' }, 'data'],
    [{ code: '22003' }, 'data'],
    [{ code: '42601' }, 'other'],
    [new Error('something else'), 'other'],
    [null, 'other'],
  ] as const)('of %o is %s', (error, kind) => {
    expect(dbErrorKind(error)).toBe(kind);
  });
});

function gate(): { opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
