import { parseArgs } from 'node:util';
import pino from 'pino';
import { readSettings, type Settings } from '../../../base/config/index.ts';
import { checkSchema, type Db, type MigrationDatabase } from '../../../base/db/index.ts';
import {
  ConfigurationError,
  type Log,
  messageOf,
  systemClock,
} from '../../../base/kernel/index.ts';

type RoleStart = {
  settings: Settings;
  log: Log;
  /** A line at the supervisor's terminal, where there is one. */
  say(line: string): void;
  flags: { port?: number; host?: string; roles?: string[] };
};

/** What a started role gives back: how to end it well. */
export type RoleHandle = { port?: number; stop(): Promise<void> };

/** What a supervisor tells a process that it started with `--held`, as soon as it knows it. */
export type Orders = { args: readonly string[]; env: Readonly<Record<string, string>> };

const STOP_WITHIN_MS = 8_000;

/**
 * Runs one role as a process: settings, log, ready message to a supervisor when there is one, and an end by
 * SIGTERM or by the loss of the supervisor's channel. A supervisor ends its children itself, so
 * the terminal's SIGINT, which reaches the whole group, is its business and not theirs. With `--held` the program
 * is loaded, most of what its start costs, and then waits for its orders: a supervisor starts it so while the
 * database recovers.
 */
export async function runRole(
  name: string,
  need: { signer: boolean },
  start: (start: RoleStart) => Promise<RoleHandle>,
): Promise<void> {
  const supervised = process.send !== undefined;
  try {
    const held = process.argv[2] === '--held';
    const { args, env } = held ? await orders() : { args: process.argv.slice(2), env: {} };
    Object.assign(process.env, env);
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        port: { type: 'string' },
        host: { type: 'string' },
        roles: { type: 'string' },
      },
    });
    const settings = readSettings({
      ...(values.config === undefined ? {} : { file: values.config }),
      env: process.env,
      need,
    });
    const log = pino({
      base: { role: name, pid: process.pid },
      level: process.env['LOG_LEVEL'] ?? 'info',
    });
    const handle = await start({
      settings,
      log,
      say: (line) => void process.send?.({ type: 'say', line }),
      flags: {
        ...(values.port === undefined ? {} : { port: Number(values.port) }),
        ...(values.host === undefined ? {} : { host: values.host }),
        ...(values.roles === undefined ? {} : { roles: values.roles.split(',') }),
      },
    });
    endWell(log, handle, supervised);
    process.send?.({ type: 'ready', ...(handle.port === undefined ? {} : { port: handle.port }) });
    log.info({ port: handle.port }, 'ready');
  } catch (error) {
    const message = messageOf(error);
    const configuration = error instanceof ConfigurationError;
    process.send?.({ type: 'failed', message });
    process.stderr.write(`${name}: ${message}\n`);
    process.exit(configuration ? 2 : 1);
  }
}

/** Held is nothing that has to be ended well. */
function orders(): Promise<Orders> {
  return new Promise((resolve) => {
    const gone = () => process.exit(0);
    process.once('disconnect', gone);
    process.once('message', (message: Orders) => {
      process.off('disconnect', gone);
      resolve(message);
    });
  });
}

function endWell(log: Log, handle: RoleHandle, supervised: boolean): void {
  let ending = false;
  const end = (why: string) => {
    if (ending) return;
    ending = true;
    log.info({ why }, 'ending');
    // What is under way is safe to lose at any moment; the time is a courtesy to clients.
    const limit = why === 'supervisor gone' ? 1_500 : STOP_WITHIN_MS;
    setTimeout(() => process.exit(0), limit).unref();
    handle.stop().then(
      () => process.exit(0),
      (error) => {
        log.error({ error: messageOf(error) }, 'did not end cleanly');
        process.exit(0);
      },
    );
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => {
    if (!supervised) end('SIGINT');
  });
  if (!supervised) return;
  process.on('disconnect', () => end('supervisor gone'));
  // It went while this one was starting.
  if (!process.connected) end('supervisor gone');
}

/** Waits until the database answers and its schema fits this program; told once, for as long as it takes. */
export async function databaseReady(db: Db, database: MigrationDatabase, log: Log): Promise<void> {
  let told = '';
  for (;;) {
    try {
      const misfit = await checkSchema(db, database);
      if (misfit !== null) throw new ConfigurationError(misfit);
      return;
    } catch (error) {
      if (error instanceof ConfigurationError) throw error;
      const message = messageOf(error);
      if (message !== told) log.warn({ error: message }, `waiting for the ${database} database`);
      told = message;
      await systemClock.sleep(500);
    }
  }
}

export async function installationOf(db: Db): Promise<string> {
  const { rows } = await db.query<{ installation_id: string }>(
    'SELECT installation_id FROM installation',
  );
  return rows[0]!.installation_id;
}
