/**
 * Owns connections, transactions, migrations and advance(), the one writer of state. Promises that a
 * transaction's outcome is told truthfully: done, not done (Transient) or UnknownOutcome. A crash
 * inside a transaction leaves nothing behind.
 */
export { advance, type Move, type SetColumns } from './advance.ts';
export { Listener } from './listen.ts';
export { machineSql } from './machine-sql.ts';
export {
  CODE_VERSION,
  checkSchema,
  type MigrationDatabase,
  migrate,
  projectRoot,
  readMigrations,
} from './migrate.ts';
export {
  afterCommit,
  type Db,
  type DbRole,
  dbErrorKind,
  inTransaction,
  openPool,
  type PoolOptions,
  type Sql,
} from './pool.ts';
