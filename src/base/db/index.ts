/**
 * Owns connections, transactions, migrations and advance(), the one writer of state. Promises that a
 * transaction's outcome is told truthfully: done, not done (Transient) or UnknownOutcome. A crash
 * inside a transaction leaves nothing behind.
 */
export { advance } from './advance.ts';
export { arrayLiteral } from './arrays.ts';
export { Listener } from './listen.ts';
export { machineSql } from './machine-sql.ts';
export {
  checkSchema,
  type MigrationDatabase,
  migrate,
  OtherMigrations,
  projectRoot,
  readMigrations,
} from './migrate.ts';
export {
  afterCommit,
  type Db,
  type DbRole,
  dbErrorKind,
  HEX_BYTES,
  inTransaction,
  LostRace,
  openPool,
  type Sql,
} from './pool.ts';
export { sideBySide } from './side-by-side.ts';
