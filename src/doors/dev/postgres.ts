import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { ConfigurationError, systemClock } from '../../base/kernel/index.ts';
import {
  asUser,
  claimHome,
  initCluster,
  installBinaries,
  SERVER_ENVIRONMENT,
  type ServerHome,
  serverHome,
} from './postgres-files.ts';
import { dropZombieLock, type LockFile, readLockFile } from './postgres-lock.ts';
import {
  claimPort,
  commandOf,
  endProcess,
  isRunning,
  type ProcessIdentity,
  startTimeOf,
} from './process.ts';

type PostgresOptions = {
  /** The state folder of the project; root's server lives elsewhere, see serverHome. */
  stateDir: string;
  /** Default: a free one. A server that is adopted keeps the port it has. */
  port?: number;
  /** Over SERVER_SETTINGS. */
  settings?: Readonly<Record<string, string>>;
};

export type PostgresServer = ProcessIdentity & {
  /** The owner's URL of a database of this server, over TCP. */
  url(database: string): string;
  /** The same over its Unix socket, which costs half of a loopback connection; over TCP where its path is too long. */
  localUrl(database: string): string;
  port: number;
  dataDir: string;
  logFile: string;
  /** True when it was running already. */
  adopted: boolean;
  /** Ends all sessions and the server; in time within 10 s, also when sessions hang. */
  stop(): Promise<void>;
};

/** A sixteenth of the machine's memory, within reason; taken from it only as far as it is used. */
function sharedBuffersMb(totalBytes: number): number {
  return Math.min(1_024, Math.max(128, Math.floor(totalBytes / 16 / 1_048_576)));
}

/**
 * As in production what was acknowledged survives a power cut. Otherwise than there a restart counts for more than
 * the pages that are logged whole after each checkpoint: a killed server goes through what it wrote since the last
 * one, at 150 MB a second.
 */
const SERVER_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  wal_compression: 'on',
  checkpoint_timeout: '30min',
  max_wal_size: '256MB',
  min_wal_size: '256MB',
  // One call for the file system instead of one for each of 2,000 files.
  ...(process.platform === 'linux' ? { recovery_init_sync_method: 'syncfs' } : {}),
  shared_buffers: `${sharedBuffersMb(totalmem())}MB`,
  max_connections: '200',
  listen_addresses: '127.0.0.1',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** A socket's path may have 103 bytes (macOS; Linux 107), of which `/.s.PGSQL.65535` takes 15. */
const LONGEST_SOCKET_DIR = 88;
const READY_WITHIN_MS = 60_000;
/** How long sessions of a killed server, or its zombie, may hold the lock of the data folder. */
const LOCK_HELD_MS = 15_000;
const LOCK_HELD = /lock file ".*" already exists|shared memory block .* still in use/;
const PORT_TAKEN = /could not bind|Address already in use|could not create any TCP\/IP sockets/;

/**
 * Starts a real PostgreSQL server on 127.0.0.1, or adopts the one that runs on this state folder's
 * data. It is detached: it outlives this process, and its data survives the server's own death.
 * Throws ConfigurationError, one line, when the machine or the folder does not allow it.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const home = serverHome(options.stateDir);
  claimHome(home);
  const running = await adopt(home);
  if (running !== null) return running;
  const bin = await installBinaries(home);
  await initCluster(home, bin);
  const deadline = systemClock.monotonic() + LOCK_HELD_MS;
  for (let round = 1; ; round += 1) {
    const port = await claimPort(options.port, 'PostgreSQL');
    const started = await launch(home, bin, port, options.settings ?? {});
    if (!('failure' in started)) return started;
    const { failure } = started;
    const lockHeld = LOCK_HELD.test(failure) && systemClock.monotonic() < deadline;
    const lostPort = PORT_TAKEN.test(failure) && options.port === undefined && round < 5;
    if (!lockHeld && !lostPort) {
      const told = /FATAL: .*/.exec(failure)?.[0] ?? failure.trim().split('\n').at(-1);
      throw new ConfigurationError(
        `PostgreSQL did not start: ${told || 'it said nothing'} (log: ${home.logFile})`,
      );
    }
    if (lockHeld) {
      dropZombieLock(home);
      await systemClock.sleep(50);
    }
  }
}

/** The server that runs on this state folder's data, if there is one. Starts nothing. */
export function adoptPostgres(stateDir: string): Promise<PostgresServer | null> {
  return adopt(serverHome(stateDir));
}

/**
 * The server that holds the lock file, when it is really that server: it has the start time we wrote
 * down, or (a start that died before writing it down) its command line names our data folder.
 */
async function adopt(home: ServerHome): Promise<PostgresServer | null> {
  const deadline = systemClock.monotonic() + READY_WITHIN_MS;
  for (;;) {
    const lock = readLockFile(home);
    if (lock === null) return null;
    const startTime = startTimeOf(lock.pid);
    if (startTime === null) return null;
    const recorded = readRecord(home);
    const known = recorded?.pid === lock.pid && recorded.startTime === startTime;
    if (!known && !commandOf(lock.pid).includes(home.dataDir)) {
      // Its pid belongs to a stranger now, and the new server would believe that it still runs.
      rmSync(join(home.dataDir, 'postmaster.pid'), { force: true });
      return null;
    }
    if (lock.status === 'ready' && (await answersPostgres(lock.port))) {
      const identity = { pid: lock.pid, startTime };
      writeRecord(home, identity);
      return describe(home, identity, { ...lock, adopted: true });
    }
    if (systemClock.monotonic() > deadline) {
      throw new ConfigurationError(
        `PostgreSQL (pid ${lock.pid}) runs on ${home.dataDir} but is ${lock.status || 'not ready'}: stop it or look into ${home.logFile}`,
      );
    }
    await systemClock.sleep(50);
  }
}

/** A server that is just being killed is still there and says `ready`, but starts no session. */
export async function answersPostgres(port: number): Promise<boolean> {
  const client = new pg.Client({
    connectionString: `postgresql://postgres@127.0.0.1:${port}/postgres`,
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch (error) {
    // Five characters are a SQLSTATE: a server that refuses (too many sessions) is alive.
    return /^[0-9A-Z]{5}$/.test(String((error as { code?: unknown }).code));
  } finally {
    await client.end().catch(() => {});
  }
}

async function launch(
  home: ServerHome,
  bin: string,
  port: number,
  settings: Readonly<Record<string, string>>,
): Promise<PostgresServer | { failure: string }> {
  const log = openSync(home.logFile, sizeOf(home.logFile) > 10_000_000 ? 'w' : 'a');
  const logged = sizeOf(home.logFile);
  // The home is the server's own (mode 0700): its socket is for this user and root.
  const socketDir = home.folder.length <= LONGEST_SOCKET_DIR ? home.folder : '';
  const values = Object.entries({
    ...SERVER_SETTINGS,
    unix_socket_directories: socketDir,
    ...settings,
    port: String(port),
  });
  const child = spawn(
    join(bin, 'postgres'),
    ['-D', home.dataDir, ...values.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    {
      cwd: home.folder,
      env: SERVER_ENVIRONMENT,
      stdio: ['ignore', log, log],
      detached: true,
      ...asUser(home),
    },
  );
  closeSync(log);
  let failed: string | null = null;
  child.once('error', (error) => {
    failed = error.message;
  });
  child.unref();
  const startTime = child.pid === undefined ? null : startTimeOf(child.pid);
  const identity = { pid: child.pid ?? 0, startTime: startTime ?? '' };
  if (startTime !== null) writeRecord(home, identity);
  const deadline = systemClock.monotonic() + READY_WITHIN_MS;
  while (failed === null && isRunning(identity)) {
    const lock = readLockFile(home);
    if (lock?.pid === identity.pid && lock.status === 'ready') {
      return describe(home, identity, { ...lock, adopted: false });
    }
    if (systemClock.monotonic() > deadline) {
      await endProcess(identity, STOP_STEPS);
      return { failure: `not ready after ${READY_WITHIN_MS / 1000} s` };
    }
    await systemClock.sleep(5);
  }
  return { failure: failed ?? readFileSync(home.logFile).subarray(logged).toString('utf8') };
}

/** "Fast" ends the sessions and writes a checkpoint; "immediate" leaves that to the next start. */
const STOP_STEPS = [
  { signal: 'SIGINT', waitMs: 7_000 },
  { signal: 'SIGQUIT', waitMs: 2_000 },
] as const;

function describe(
  home: ServerHome,
  identity: ProcessIdentity,
  { port, socketDir, adopted }: LockFile & { adopted: boolean },
): PostgresServer {
  const url = (database: string) => `postgresql://postgres@127.0.0.1:${port}/${database}`;
  return {
    ...identity,
    url,
    localUrl: (database) =>
      socketDir === ''
        ? url(database)
        : `postgresql:///${database}?host=${encodeURIComponent(socketDir)}&port=${port}&user=postgres`,
    port,
    dataDir: home.dataDir,
    logFile: home.logFile,
    adopted,
    stop: async () => {
      if (!(await endProcess(identity, STOP_STEPS))) {
        throw new ConfigurationError(
          `PostgreSQL (pid ${identity.pid}) does not end: see ${home.logFile}`,
        );
      }
    },
  };
}

function readRecord(home: ServerHome): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(home.recordFile, 'utf8')) as ProcessIdentity;
  } catch {
    return null;
  }
}

function writeRecord(home: ServerHome, { pid, startTime }: ProcessIdentity): void {
  writeFileSync(home.recordFile, `${JSON.stringify({ pid, startTime })}\n`, { mode: 0o600 });
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Makes the database when the server of this owner's URL has none of that name. */
export async function ensureDatabase(serverUrl: string, database: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount === 0)
      await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)}`);
  } finally {
    await client.end();
  }
}
