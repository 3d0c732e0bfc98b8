/**
 * Owns what a laptop needs to run an installation: an embedded PostgreSQL, a development chain with
 * its token, and the project's state folder with dev.json. Promises that servers outlive the process
 * that started them, are adopted by the next start only when they are surely the same process, and
 * that PostgreSQL loses nothing acknowledged. A crash here leaves servers running and their records
 * in place; a killed chain may come back a second behind the database.
 */
export {
  type AnvilNode,
  type AnvilOptions,
  removeAnvil,
  startAnvil,
  untilSaved,
} from './anvil.ts';
export { BlockMaker } from './block-maker.ts';
export {
  DEV_TOKEN_ADDRESS,
  deployToken,
  developmentAddress,
  fundLane,
  PUBLIC_DEVELOPMENT_KEYS,
} from './chain.ts';
export {
  answersPostgres,
  ensureDatabase,
  type PostgresServer,
  startPostgres,
} from './postgres.ts';
export { removePostgres } from './postgres-files.ts';
export {
  endProcess,
  freePort,
  isPortFree,
  isRunning,
  type ProcessIdentity,
  projectFolder,
  startTimeOf,
} from './process.ts';
export { rpcCall } from './rpc.ts';
export {
  claimInstance,
  type DevFile,
  readDevFile,
  removeDevFile,
  wipeState,
  writeDevFile,
} from './state.ts';
