import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/base/db/index.ts';
import { ensureDatabase, removePostgres, startPostgres } from '../../src/doors/dev/index.ts';
import { guard, release } from './guard.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The owner's URL of the test server's `postgres` database. */
    postgresUrl: string;
    /** The same by its Unix socket. */
    postgresLocalUrl: string;
    /** Names of the migrated databases that each test file clones. */
    templates: { main: string; signer: string };
  }
}

/**
 * One PostgreSQL server per run, with both schemas migrated into template databases. It need not outlive the machine:
 * fsync is off, and what a process's death leaves behind is the same.
 * TEST_DATABASE_URL names another server, whose owner may create databases and roles.
 */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const server = await testServer();
  const run = randomBytes(4).toString('hex');
  const templates = { main: `template_main_${run}`, signer: `template_signer_${run}` };
  try {
    await makeTemplate(server.url, templates.main, 'main');
    await makeTemplate(server.url, templates.signer, 'signer');
  } catch (error) {
    await server.stop();
    throw error;
  }
  provide('postgresUrl', server.url);
  provide('postgresLocalUrl', server.localUrl);
  provide('templates', templates);
  return async () => {
    if (process.env['TEST_DATABASE_URL'] !== undefined) {
      await dropDatabases(server.url, Object.values(templates));
    }
    await server.stop();
  };
}

async function makeTemplate(serverUrl: string, name: string, database: 'main' | 'signer') {
  await ensureDatabase(serverUrl, name);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await migrate(url.href, database);
}

async function testServer(): Promise<{ url: string; localUrl: string; stop(): Promise<void> }> {
  const external = process.env['TEST_DATABASE_URL'];
  if (external !== undefined) return { url: external, localUrl: external, stop: async () => {} };
  const stateDir = mkdtempSync(join(tmpdir(), 'payonce-test-'));
  const settings = { shared_buffers: '128MB', fsync: 'off', full_page_writes: 'off' };
  const server = await startPostgres({ stateDir, settings });
  const leftovers = [server.pid, stateDir, dirname(server.dataDir)];
  for (const what of leftovers) guard(what);
  return {
    url: server.url('postgres'),
    localUrl: server.localUrl('postgres'),
    stop: async () => {
      await server.stop();
      await removePostgres(stateDir);
      rmSync(stateDir, { recursive: true, force: true });
      for (const what of leftovers) release(what);
    },
  };
}

async function dropDatabases(serverUrl: string, names: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  for (const name of names) await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await client.end();
}
