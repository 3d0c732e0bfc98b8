import { randomBytes } from 'node:crypto';
import pg from 'pg';

/**
 * A database as it is now, to be put back in its place later: what a restored backup is to the processes that
 * use it. Both ends the sessions that use the database; keep everybody out meanwhile (TcpProxy.down()).
 */
export class DatabaseCopy {
  readonly #serverUrl: string;
  readonly #name: string;
  readonly #copy: string;

  private constructor(serverUrl: string, name: string) {
    this.#serverUrl = serverUrl;
    this.#name = name;
    this.#copy = `${name}_${randomBytes(4).toString('hex')}`;
  }

  static async of(databases: { serverUrl: string }, url: string): Promise<DatabaseCopy> {
    const made = new DatabaseCopy(databases.serverUrl, new URL(url).pathname.slice(1));
    await made.#alone(`CREATE DATABASE ${made.#copy} TEMPLATE ${made.#name}`);
    return made;
  }

  /** Puts the copy in the database's place; what was there becomes the copy, to be put back in turn. */
  async swap(): Promise<void> {
    const aside = `${this.#copy}_aside`;
    await this.#alone(
      `ALTER DATABASE ${this.#name} RENAME TO ${aside}`,
      `ALTER DATABASE ${this.#copy} RENAME TO ${this.#name}`,
      `ALTER DATABASE ${aside} RENAME TO ${this.#copy}`,
    );
  }

  async drop(): Promise<void> {
    await this.#onServer((client) => client.query(`DROP DATABASE ${this.#copy} WITH (FORCE)`));
  }

  async #alone(...statements: string[]): Promise<void> {
    await this.#onServer(async (client) => {
      await client.query(
        `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE datname = $1 AND backend_type = 'client backend'`,
        [this.#name],
      );
      for (const statement of statements) await client.query(statement);
    });
  }

  async #onServer(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
    const client = new pg.Client({ connectionString: this.#serverUrl });
    await client.connect();
    try {
      await work(client);
    } finally {
      await client.end();
    }
  }
}
