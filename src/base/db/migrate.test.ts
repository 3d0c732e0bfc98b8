import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { emptyDatabase } from '../../../test/support/postgres.ts';
import { ConfigurationError } from '../kernel/index.ts';
import { checkSchema, type Db, migrate, openPool, readMigrations } from './index.ts';

let database: Awaited<ReturnType<typeof emptyDatabase>>;
let owner: Db;
beforeEach(async () => {
  database = await emptyDatabase();
  owner = openPool({ url: database.url, role: 'owner', name: 'test', max: 4 });
});
afterEach(async () => {
  await owner.end();
  await database.drop();
});

const names = (of: 'main' | 'signer') => readMigrations(of).map((migration) => migration.name);

describe('migrate', () => {
  it('brings an empty database to the newest schema, and finds nothing to do after', async () => {
    expect(await migrate(database.url, 'main')).toEqual(names('main'));
    expect(await migrate(database.url, 'main')).toEqual([]);
    expect(await checkSchema(owner, 'main')).toBeNull();
  });

  it('does it once when several start at the same moment', async () => {
    const applied = await Promise.all([1, 2, 3].map(() => migrate(database.url, 'signer')));
    expect(applied.flat().sort()).toEqual(names('signer'));
  });

  it('makes partitions for the weeks ahead, so that the default ones stay empty', async () => {
    await migrate(database.url, 'main');
    const { rows } = await owner.query<{ parent: string; weeks: bigint }>(
      `SELECT p.relname AS parent, count(*) AS weeks FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
       JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r' WHERE c.relname NOT LIKE '%_default'
       GROUP BY 1 ORDER BY 1`,
    );
    expect(rows).toEqual([
      { parent: 'audit_entry', weeks: 15n },
      { parent: 'event_batch', weeks: 15n },
      { parent: 'transfer', weeks: 15n },
    ]);
    await owner.query(
      `INSERT INTO event_batch (type, size, subject_ids) VALUES ('now', 1, '{NULL}')`,
    );
    await owner.query(
      `INSERT INTO event_batch (batch_id, type, size, subject_ids)
       VALUES (payonce_uuid_at(now() + interval '90 days'), 'later', 1, '{NULL}')`,
    );
    const stray = await owner.query('SELECT 1 FROM event_batch_default');
    expect(stray.rows).toEqual([]);
  });

  it('refuses to go on when an applied file was changed', async () => {
    await migrate(database.url, 'signer');
    await owner.query(`UPDATE schema_migration SET checksum = 'other'`);
    await expect(migrate(database.url, 'signer')).rejects.toThrow(ConfigurationError);
    await expect(migrate(database.url, 'signer')).rejects.toThrow(/0001_.*only go forward/);
  });

  it('leaves whole migrations only when one fails, and goes on from there', async () => {
    await owner.query('CREATE TABLE withdrawal (in_the_way int)');
    await expect(migrate(database.url, 'main')).rejects.toThrow(/migration 0003/);
    const { rows } = await owner.query('SELECT name FROM schema_migration ORDER BY version');
    expect(rows.map((row) => row.name)).toEqual(names('main').slice(0, 2));
    await owner.query('DROP TABLE withdrawal');
    expect(await migrate(database.url, 'main')).toEqual(names('main').slice(2));
  });

  it('works for an owner who is no superuser and uses roles that exist already', async () => {
    // As on a managed server: who makes a role may grant it, and is not a member that may act as it.
    const name = `owner_${randomBytes(4).toString('hex')}`;
    const superuser = new pg.Client({ connectionString: inject('postgresUrl') });
    await superuser.connect();
    const databaseName = new URL(database.url).pathname.slice(1);
    await superuser.query(`CREATE ROLE ${name} LOGIN CREATEROLE`);
    for (const role of ['payonce_app', 'payonce_signer']) {
      await superuser.query(`GRANT ${role} TO ${name} WITH ADMIN OPTION`);
      const { rows } = await superuser.query('SHOW server_version_num');
      if (Number(rows[0].server_version_num) >= 160000) {
        await superuser.query(`GRANT ${role} TO ${name} WITH INHERIT FALSE, SET FALSE`);
      }
    }
    await superuser.query(`ALTER DATABASE ${databaseName} OWNER TO ${name}`);
    const url = new URL(database.url);
    url.username = name;
    try {
      expect(await migrate(url.href, 'main')).toEqual(names('main'));
      const app = openPool({ url: url.href, role: 'payonce_app', name: 'test', max: 1 });
      expect((await app.query('SELECT current_user AS role')).rows).toEqual([
        { role: 'payonce_app' },
      ]);
      await app.query('SELECT payonce_make_partitions()');
      await app.end();
    } finally {
      await superuser.query(`ALTER DATABASE ${databaseName} OWNER TO CURRENT_USER`);
      await owner.query(`REASSIGN OWNED BY ${name} TO CURRENT_USER`);
      await owner.query(`DROP OWNED BY ${name} CASCADE`);
      await superuser.query(`DROP ROLE ${name}`);
      await superuser.end();
    }
  });
});

describe('a binary', () => {
  it('refuses a schema that lacks one of its migrations, and says what to do', async () => {
    await owner.query(`CREATE TABLE schema_migration (version int PRIMARY KEY, name text, checksum text,
      min_code_version int)`);
    expect(await checkSchema(owner, 'signer')).toMatch(/lacks 0001_.*payonce migrate/);
  });

  it('runs on a newer schema unless that says it must not', async () => {
    await migrate(database.url, 'signer');
    const add = (version: number, minimum: number) =>
      owner.query('INSERT INTO schema_migration VALUES ($1, $2, $3, $4)', [
        version,
        `${version}_later.sql`,
        'x',
        minimum,
      ]);
    await add(9001, 1);
    expect(await checkSchema(owner, 'signer')).toBeNull();
    await add(9002, 2);
    expect(await checkSchema(owner, 'signer')).toMatch(/needs code version 2, this is 1: upgrade/);
  });
});
