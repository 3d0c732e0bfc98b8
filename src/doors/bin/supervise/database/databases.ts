import { migrate, OtherMigrations } from '../../../../base/db/index.ts';
import { ConfigurationError, messageOf } from '../../../../base/kernel/index.ts';
import { ensureDatabase, type PostgresServer, startPostgres } from '../../../dev/index.ts';
import { readState, writeState } from '../state/state-files.ts';

/** Owner's URLs. */
export type Databases = { url: string; signerUrl: string };

const NAMES = { main: 'payonce', signer: 'payonce_signer' } as const;

export function databasesOf(server: PostgresServer): Databases {
  return { url: server.localUrl(NAMES.main), signerUrl: server.localUrl(NAMES.signer) };
}

/** On the port of the last start where that is free, so that what knows its URL goes on. */
export async function startServer(stateDir: string): Promise<PostgresServer> {
  const server = await onKnownPort(readState(stateDir, 'ports')?.postgres, (port) =>
    startPostgres({ stateDir, ...port }),
  );
  writeState(stateDir, 'ports', { ...readState(stateDir, 'ports'), postgres: server.port });
  for (const name of Object.values(NAMES)) await ensureDatabase(server.url('postgres'), name);
  return server;
}

/** Starts a server on a port that may have been taken since; then on any other. */
export async function onKnownPort<Server>(
  port: number | undefined,
  start: (port: { port?: number }) => Promise<Server>,
): Promise<Server> {
  if (port === undefined) return start({});
  try {
    return await start({ port });
  } catch (error) {
    if (error instanceof ConfigurationError && /is taken/.test(error.message)) return start({});
    throw error;
  }
}

const BEGIN_ANEW =
  'start the version that made them, choose another --state-dir, or begin anew with --fresh, which deletes them';
const USE_OTHERS = 'run the version that made them, or name other databases';

/** Returns the names of the migrations applied to both. Throws ConfigurationError, one line. `own`: made by this start. */
export async function migrateBoth({ url, signerUrl }: Databases, own: boolean): Promise<string[]> {
  try {
    return [...(await migrate(url, 'main')), ...(await migrate(signerUrl, 'signer'))];
  } catch (error) {
    if (error instanceof OtherMigrations) {
      const what = own ? BEGIN_ANEW : USE_OTHERS;
      throw new ConfigurationError(
        `the databases are another version's: ${error.message}: ${what}`,
      );
    }
    const told = messageOf(error) || String((error as { code?: unknown }).code);
    throw new ConfigurationError(`the databases can not be brought up to date: ${told}`);
  }
}
