import pg from 'pg';
import { messageOf, Transient, UnknownOutcome } from '../kernel/index.ts';
import { arrayLiteral, byteaArray } from './arrays.ts';

/** Anything that runs a statement: the pool, or one connection inside a transaction. */
export type Sql = Pick<pg.ClientBase, 'query'>;
export type Db = pg.Pool;
export type DbRole = 'owner' | 'payonce_app' | 'payonce_signer';

// bigint and numeric columns are base units and counters: bigint in, bigint out, never a float.
const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === pg.types.builtins.INT8 || oid === pg.types.builtins.NUMERIC) {
      return (text: string) => BigInt(text);
    }
    return format === 'binary'
      ? pg.types.getTypeParser(oid, 'binary')
      : pg.types.getTypeParser(oid, 'text');
  },
} as pg.CustomTypesConfig;

/**
 * `types` of a query whose bytes are wanted as 0x-hex: the text that the server sends is that hex already, and
 * making a Buffer of it first cost more than the rest of the row.
 */
export const HEX_BYTES = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === pg.types.builtins.BYTEA && format !== 'binary') {
      return (text: string) => `0x${text.slice(2)}`;
    }
    return types.getTypeParser(oid, format);
  },
} as pg.CustomTypesConfig;

const driverQuery = pg.Client.prototype.query as (...args: unknown[]) => unknown;

/** The driver's client with arrays written by us; everything else is the driver's. */
class Client extends pg.Client {}
Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
  const [config, values] = args as [{ values?: unknown } | undefined, unknown];
  if (Array.isArray(values)) args[1] = values.map(written);
  else if (Array.isArray(config?.values)) {
    args[0] = { ...config, values: config.values.map(written) };
  }
  return driverQuery.apply(this, args);
} as typeof pg.Client.prototype.query;

function written(value: unknown): unknown {
  return Array.isArray(value) ? (byteaArray(value) ?? arrayLiteral(value)) : value;
}

type PoolOptions = {
  url: string;
  role: DbRole;
  /** Shown in pg_stat_activity. */
  name: string;
  max: number;
  /**
   * For sessions whose statements insert or look up by key whatever the batch: the intake's one, planned for each
   * small flush, cost a quarter of its throughput.
   */
  keepPlans?: boolean;
  /**
   * How long an answer may take before the connection counts as lost; null: for ever. Without it 65 s, a little
   * more than the server lets a statement run; an owner's statements may take their time.
   */
  answerWithinMs?: number | null;
};

/**
 * A session that is made anew knows neither the catalogue nor a statement: the driver's 10 s made the first payment
 * after each rest wait for that, and a system at rest made sessions all day.
 */
const IDLE_SESSION_MS = 600_000;

/** What the server allows a statement of a role. */
const STATEMENT_MS = 60_000;

/**
 * A pool whose sessions run as the given role, also when the URL belongs to the owner: the right to
 * change history is dropped before the first statement. Open transactions are bounded, because one
 * open writer anywhere holds back the order of the history.
 */
export function openPool(options: PoolOptions): Db {
  const settings = [
    ...(options.role === 'owner' ? [] : [`-c role=${options.role}`]),
    '-c idle_in_transaction_session_timeout=30000',
    ...(options.role === 'owner' ? [] : [`-c statement_timeout=${STATEMENT_MS}`]),
    '-c default_transaction_isolation=read\\ committed',
    '-c timezone=UTC',
    // What steps touch is in memory: looked up by key, where the default thinks of a spinning disk and scans.
    '-c random_page_cost=1.1',
    '-c jit=off',
    // Steps pass arrays of 1 to 1,000 to tables that grow: a plan kept from an empty table, or for ten
    // rows, scanned 100 ms and more per batch where one planned for the batch takes 5.
    `-c plan_cache_mode=${options.keepPlans === true ? 'auto' : 'force_custom_plan'}`,
  ];
  const { answerWithinMs = options.role === 'owner' ? null : STATEMENT_MS + 5_000 } = options;
  const pool = new pg.Pool({
    Client,
    connectionString: options.url,
    max: options.max,
    application_name: options.name,
    options: settings.join(' '),
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: IDLE_SESSION_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(answerWithinMs === null ? {} : { query_timeout: answerWithinMs }),
    types,
  });
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
  pool.on('error', () => {});
  return pool;
}

const CONNECTION_LOST = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN', // no name server answers, as while a cluster moves
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT', // the Unix socket of a server that is down
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '53300', // too_many_connections
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
  // read_only_sql_transaction: after a fail-over the name led to a server that may not write. Kept, the session would
  // meet the same for as long as it is in use.
  '25006',
]);
/** Thrown in a transaction that has to run again, as the database does after a deadlock. */
export class LostRace extends Error {
  override readonly name = 'LostRace';
  readonly code = '40001';
}

const RACE = new Set(['40001', '40P01', '55P03']);

/** What an error of the driver means: `lost` the connection, a `race` to run again, `data`, or `other`. */
export function dbErrorKind(error: unknown): 'lost' | 'race' | 'data' | 'other' {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  if (typeof code === 'string') {
    // Of class 08 a server says one without ending the session: of a statement with too few parameters.
    if (CONNECTION_LOST.has(code) || (/^08...$/.test(code) && severity !== 'ERROR')) return 'lost';
    if (RACE.has(code)) return 'race';
    if (/^(22|23)...$/.test(code)) return 'data';
  }
  return /Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable/.test(
    messageOf(error),
  )
    ? 'lost'
    : 'other';
}

/**
 * Runs `work` in one transaction. Throws Transient when nothing was committed and trying again may
 * help, UnknownOutcome when COMMIT was sent and not answered (it may have happened), else what `work`
 * threw. A race (serialization, deadlock) is run again here, at most five times: `work` must
 * have no effect outside its transaction, which is a law of this project anyway.
 */
export async function inTransaction<T>(db: Db, work: (sql: Sql) => Promise<T>): Promise<T> {
  for (let round = 1; ; round += 1) {
    try {
      return await onceInTransaction(db, work);
    } catch (error) {
      const kind = error instanceof UnknownOutcome ? 'other' : dbErrorKind(error);
      if (kind === 'race' && round < 5) continue;
      if (kind === 'race' || kind === 'lost') {
        throw new Transient(`database: ${messageOf(error)}`, { cause: error });
      }
      throw error;
    }
  }
}

/**
 * For a read behind a COMMIT: what was asked for has happened, so a connection lost now must not be told
 * as if nothing had.
 */
export async function afterCommit<T>(read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof Transient) && dbErrorKind(error) !== 'lost') throw error;
    throw new UnknownOutcome(`database: committed, then lost: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Only a server that goes on says that it did not commit. */
function isRefusal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && !/^(FATAL|PANIC)$/.test(error.severity ?? '');
}

async function onceInTransaction<T>(db: Db, work: (sql: Sql) => Promise<T>): Promise<T> {
  const client = await db.connect();
  // A connection that breaks while it is ours must not end the process; the next query rejects.
  const ignore = () => {};
  client.on('error', ignore);
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    let value: T;
    try {
      value = await work(client);
    } catch (error) {
      // The server undoes what is cut off; a connection that does not answer would not answer this either.
      if (dbErrorKind(error) === 'lost') throw error;
      await client.query('ROLLBACK').catch((lost: Error) => {
        broken = lost;
      });
      throw error;
    }
    try {
      const done = await client.query('COMMIT');
      // COMMIT of a failed transaction answers ROLLBACK without an error.
      if (done.command !== 'COMMIT')
        throw new Transient('database: the transaction was rolled back');
    } catch (error) {
      if (error instanceof Transient) throw error;
      broken = error as Error;
      if (dbErrorKind(error) === 'lost' || !isRefusal(error)) {
        throw new UnknownOutcome(`database: COMMIT was not answered: ${messageOf(error)}`, {
          cause: error,
        });
      }
      throw error;
    }
    return value;
  } catch (error) {
    if (dbErrorKind(error) === 'lost') broken ??= error as Error;
    throw error;
  } finally {
    client.off('error', ignore);
    client.release(broken);
  }
}
