import type pg from 'pg';
import { type Db, type DbRole, openPool } from '../../src/base/db/index.ts';
import { type TestDatabases, testDatabases } from './postgres.ts';

/** Fresh databases with one tenant, and a pool per role of the main one, for tests of the books. */
export class MainDatabase {
  readonly databases: TestDatabases;
  /** What the program may do. */
  readonly app: Db;
  /** The owner: may do everything. */
  readonly owner: Db;
  readonly #pools: Db[] = [];
  tenantId = '';

  private constructor(databases: TestDatabases) {
    this.databases = databases;
    this.app = this.pool('payonce_app');
    this.owner = this.pool('owner');
  }

  static async start(): Promise<MainDatabase> {
    const made = new MainDatabase(await testDatabases());
    made.tenantId = await made.tenant('demo');
    return made;
  }

  /** One more pool, as another process would have it. */
  pool(role: DbRole, max = 10, url = this.databases.mainUrl): Db {
    const pool = openPool({ url, role, name: `test-${role}`, max });
    this.#pools.push(pool);
    return pool;
  }

  async tenant(name: string): Promise<string> {
    const [row] = await this.rows<{ tenant_id: string }>(
      'INSERT INTO tenant (name) VALUES ($1) RETURNING tenant_id',
      [name],
    );
    return row!.tenant_id;
  }

  /** Rows by the owner. */
  async rows<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.owner.query<Row>(text, values)).rows;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.end()));
    await this.databases.drop();
  }
}
