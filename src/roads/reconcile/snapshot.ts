import type { Db, Sql } from '../../base/db/index.ts';

/** One unchanging view of a database, until end(). */
type Snapshot = { sql: Sql; end(): Promise<void> };

/**
 * A REPEATABLE READ, READ ONLY transaction: the server refuses every write in it, and everything read is as
 * it was at one moment, however long the rest takes. It holds no lock that another waits for. The bounds
 * on idle and running time are the program's, against forgotten writers; here nothing is written.
 */
export async function openSnapshot(db: Db): Promise<Snapshot> {
  const client = await db.connect();
  const ignore = () => {};
  client.on('error', ignore);
  const end = async (lost?: Error) => {
    client.off('error', ignore);
    client.release(lost);
  };
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await client.query(`SELECT set_config(name, '0', true) FROM pg_settings
      WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`);
    await client.query(
      `SELECT set_config('jit', 'off', true), set_config('work_mem', '64MB', true)`,
    );
  } catch (error) {
    await end(error as Error);
    throw error;
  }
  return {
    sql: client,
    end: async () => {
      const lost = await client.query('ROLLBACK').then(
        () => undefined,
        (error: Error) => error,
      );
      await end(lost);
    },
  };
}
