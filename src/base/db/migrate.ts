import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigurationError } from '../kernel/index.ts';
import { type Db, inTransaction, openPool, type Sql } from './pool.ts';

/**
 * What this binary knows. A migration states the lowest code version that may run on its schema:
 * a binary refuses only when it is older than that of the newest migration applied, or when it knows
 * migrations that are not applied.
 */
const CODE_VERSION = 1;

export type MigrationDatabase = 'main' | 'signer';
type Migration = {
  version: number;
  name: string;
  sql: string;
  checksum: string;
  minCodeVersion: number;
};

/** Migrations are found beside the program: in the checkout from src/ and from dist/src/ alike. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'migrations'))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new ConfigurationError('the migrations folder is missing beside the program');
    folder = parent;
  }
  return folder;
}

export function readMigrations(database: MigrationDatabase): Migration[] {
  const folder = join(projectRoot(), 'migrations', database);
  return readdirSync(folder)
    .filter((file) => /^\d{4}_.*\.sql$/.test(file))
    .sort()
    .map((file) => {
      const sql = readFileSync(join(folder, file), 'utf8');
      const minimum = /^-- min_code_version: (\d+)$/m.exec(sql)?.[1];
      if (minimum === undefined)
        throw new ConfigurationError(`migration ${file} states no min_code_version`);
      return {
        version: Number(file.slice(0, 4)),
        name: file,
        sql,
        checksum: createHash('sha256').update(sql).digest('hex'),
        minCodeVersion: Number(minimum),
      };
    });
}

/** A database that another history of this program made: nothing here can bring it up to date. */
export class OtherMigrations extends ConfigurationError {}

const ROLES = ['payonce_app', 'payonce_signer'];
const MIGRATION_LOCK = 7_303_014;

/**
 * Applies what is missing, each file in a transaction of its own, under one advisory lock, so that two
 * starts at once do it once. A crash leaves whole migrations only. Returns the names applied.
 */
export async function migrate(ownerUrl: string, database: MigrationDatabase): Promise<string[]> {
  const db = openPool({ url: ownerUrl, role: 'owner', name: 'payonce-migrate', max: 1 });
  try {
    const client = await db.connect();
    const applied: string[] = [];
    try {
      await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
      await makeRoles(client);
      await client.query(`CREATE TABLE IF NOT EXISTS schema_migration (
        version int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
        min_code_version int NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
      const done = await appliedMigrations(client);
      for (const migration of readMigrations(database)) {
        const before = done.get(migration.version);
        if (before !== undefined) {
          if (before.checksum !== migration.checksum) {
            throw new OtherMigrations(
              `migration ${migration.name} was applied in another form, by another version of payonce; migrations only go forward`,
            );
          }
          continue;
        }
        await applyOne(client, migration);
        applied.push(migration.name);
      }
      if (database === 'main') await client.query('SELECT payonce_make_partitions()');
    } finally {
      await client.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => {});
      client.release();
    }
    return applied;
  } finally {
    await db.end();
  }
}

async function applyOne(sql: Sql, migration: Migration): Promise<void> {
  await sql.query('BEGIN');
  try {
    await sql.query(migration.sql);
    await sql.query(
      'INSERT INTO schema_migration (version, name, checksum, min_code_version) VALUES ($1, $2, $3, $4)',
      [migration.version, migration.name, migration.checksum, migration.minCodeVersion],
    );
    await sql.query('COMMIT');
  } catch (error) {
    await sql.query('ROLLBACK');
    throw new Error(`migration ${migration.name}: ${(error as Error).message}`, { cause: error });
  }
}

// Roles belong to the cluster: another database's migration may make them at the same moment. From version
// 16 on, an owner who is no superuser may grant a role that it made, and act as it only once it granted
// that to itself; where it may not, its processes connect as users that are members.
async function makeRoles(sql: Sql): Promise<void> {
  for (const role of ROLES) {
    await sql.query(`DO $$ BEGIN
      CREATE ROLE ${role} NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`);
    await sql.query(`DO $$ BEGIN
      IF NOT pg_has_role('${role}', CASE WHEN current_setting('server_version_num')::int < 160000
        THEN 'MEMBER' ELSE 'SET' END) THEN GRANT ${role} TO CURRENT_USER; END IF;
    EXCEPTION WHEN insufficient_privilege OR unique_violation THEN NULL; END $$`);
    await sql.query(`GRANT USAGE ON SCHEMA public TO ${role}`);
  }
}

async function appliedMigrations(
  sql: Sql,
): Promise<Map<number, { checksum: string; minCodeVersion: number }>> {
  const { rows } = await sql.query<{ version: number; checksum: string; min_code_version: number }>(
    'SELECT version, checksum, min_code_version FROM schema_migration',
  );
  return new Map(
    rows.map((row) => [
      row.version,
      { checksum: row.checksum, minCodeVersion: row.min_code_version },
    ]),
  );
}

/** Null when this binary and the schema fit; else one sentence of what does not. */
export async function checkSchema(db: Db, database: MigrationDatabase): Promise<string | null> {
  const known = readMigrations(database);
  const applied = await inTransaction(db, appliedMigrations);
  const missing = known.filter((migration) => !applied.has(migration.version));
  if (missing.length > 0) {
    return `the ${database} database lacks ${missing.map((m) => m.name).join(', ')}: run \`payonce migrate\``;
  }
  const needed = Math.max(0, ...[...applied.values()].map((migration) => migration.minCodeVersion));
  return needed > CODE_VERSION
    ? `the ${database} database needs code version ${needed}, this is ${CODE_VERSION}: upgrade payonce`
    : null;
}
