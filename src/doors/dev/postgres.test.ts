import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { guard, release } from '../../../test/support/guard.ts';
import { until } from '../../../test/support/until.ts';
import { ensureDatabase, type PostgresServer, startPostgres } from './postgres.ts';
import { asUser, claimHome, removePostgres, serverHome } from './postgres-files.ts';
import { commandOf, isRunning } from './process.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'payonce-postgres-'));
const home = serverHome(stateDir).folder;
let server: PostgresServer | undefined;

async function start(port: { port?: number } = {}): Promise<PostgresServer> {
  server = await startPostgres({ stateDir, settings: { shared_buffers: '16MB' }, ...port });
  guard(server.pid);
  return server;
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(() => {
  guard(stateDir);
  guard(home);
});
afterEach(async () => {
  await server?.stop();
  if (server !== undefined) release(server.pid);
  server = undefined;
});
afterAll(async () => {
  await removePostgres(stateDir);
  rmSync(stateDir, { recursive: true, force: true });
  release(stateDir);
  release(home);
});

describe('the embedded PostgreSQL', () => {
  test('keeps what it stored over a stop and a start, with every durability setting on', async () => {
    const first = await start();
    await ensureDatabase(first.url('postgres'), 'kept');
    await ensureDatabase(first.url('postgres'), 'kept');
    await query(first.url('kept'), 'CREATE TABLE t AS SELECT 7 AS n');
    await first.stop();
    expect(isRunning(first)).toBe(false);
    const second = await start();
    expect(await query(second.url('kept'), 'SELECT n FROM t')).toEqual([{ n: 7 }]);
    const settings = await query(
      second.url('postgres'),
      `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') ORDER BY 1`,
    );
    expect(settings.map((row) => row['setting'])).toEqual(['on', 'on', 'on']);
  });

  test('is adopted while it runs, also when its record was lost', async () => {
    const first = await start();
    const again = await start();
    expect(again).toMatchObject({ pid: first.pid, port: first.port, adopted: true });
    rmSync(serverHome(stateDir).recordFile);
    expect(await start()).toMatchObject({ pid: first.pid, adopted: true });
  });

  test('comes back after kill -9 with what it had acknowledged', async () => {
    const first = await start();
    await query(first.url('postgres'), 'CREATE TABLE acknowledged AS SELECT 1 AS n');
    process.kill(first.pid, 'SIGKILL');
    const second = await start();
    expect(second.adopted).toBe(false);
    expect(await query(second.url('postgres'), 'SELECT n FROM acknowledged')).toEqual([{ n: 1 }]);
  });

  test('starts when the pid in its lock file belongs to another program now', async () => {
    const first = await start();
    await first.stop();
    const lines = [process.pid, first.dataDir, 1, first.port, '', '127.0.0.1', '', 'ready', ''];
    writeFileSync(join(first.dataDir, 'postmaster.pid'), lines.join('\n'));
    expect(await start()).toMatchObject({ adopted: false });
  });

  test.runIf(process.platform === 'linux')(
    'starts where nobody collected the killed server, once no session of it is left',
    async () => {
      const first = await start();
      await first.stop();
      // The shell becomes a program that waits for no child, and only then the child may end: it stays a zombie.
      const parent = spawn('sh', ['-c', 'exec 3<&0; cat <&3 & echo $!; exec sleep 60'], {
        stdio: ['pipe', 'pipe', 'ignore'],
        ...asUser(serverHome(stateDir)),
      });
      guard(parent.pid!);
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const zombie = Number(String(line).trim());
      await until('a parent that collects nobody', async () =>
        commandOf(parent.pid!).startsWith('sleep'),
      );
      parent.stdin.end();
      await until('the zombie', async () =>
        /\) Z /.test(readFileSync(`/proc/${zombie}/stat`, 'latin1')),
      );
      const lock = join(home, 'data', 'postmaster.pid');
      const lines = [zombie, join(home, 'data'), 1, first.port, '', 'localhost', '', 'ready'];
      const session = spawn('sleep', ['60'], {
        cwd: join(home, 'data'),
        ...asUser(serverHome(stateDir)),
      });
      guard(session.pid!);
      writeFileSync(lock, `${lines.join('\n')}\n`);
      const socketLock = join(home, `.s.PGSQL.${first.port}.lock`);
      writeFileSync(socketLock, `${lines.join('\n')}\n`);
      const starting = start({ port: first.port });
      await until('a refusal', async () =>
        /already exists/.test(readFileSync(first.logFile, 'utf8')),
      );
      expect(readFileSync(lock, 'utf8')).toContain(String(zombie));
      session.kill('SIGKILL');
      expect((await starting).adopted).toBe(false);
      parent.kill('SIGKILL');
      release(session.pid!);
      release(parent.pid!);
    },
  );

  test('says in one line that its port is taken', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
    });
    await expect(startPostgres({ stateDir, port })).rejects.toThrow(
      new RegExp(`^port ${port} for PostgreSQL is taken.*$`),
    );
    await new Promise((resolve) => other.close(resolve));
  });

  test('refuses a home that is not a folder of its own', () => {
    const file = join(stateDir, 'not-a-folder');
    writeFileSync(file, '');
    expect(() => claimHome({ ...serverHome(stateDir), folder: file })).toThrow(/belongs to uid/);
    expect(existsSync(file)).toBe(true);
  });
});
