import { cpus, loadavg, totalmem } from 'node:os';
import { openPool } from '../src/base/db/index.ts';
import { ConfigurationError } from '../src/base/kernel/index.ts';

/** What the figures were measured on. */
export type Machine = {
  cpu: string;
  cores: number;
  memoryGiB: number;
  platform: string;
  node: string;
  postgres: string;
  /** Of the minute before; above the number of idle cores others disturb the figures. */
  loadAverage: number;
  durability: Record<string, string>;
};

/** Off, any of them makes an acknowledged request lose-able, and every figure worthless. */
const NEEDED = ['fsync', 'synchronous_commit', 'full_page_writes'];
const SHOWN = [
  ...NEEDED,
  'wal_sync_method',
  'wal_compression',
  'shared_buffers',
  'checkpoint_timeout',
  'max_wal_size',
];

/** Throws ConfigurationError when the server does not keep what it acknowledges. */
export async function readMachine(databaseUrl: string): Promise<Machine> {
  const db = openPool({ url: databaseUrl, role: 'owner', name: 'payonce-bench', max: 1 });
  try {
    const { rows } = await db.query<{ name: string; value: string }>(
      'SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name',
      [[...SHOWN, 'server_version']],
    );
    const { server_version: postgres, ...durability } = Object.fromEntries(
      rows.map(({ name, value }) => [name, value]),
    );
    const off = NEEDED.filter((name) => ['off', 'local'].includes(durability[name]!));
    if (off.length > 0) {
      throw new ConfigurationError(
        `PostgreSQL runs with ${off.map((name) => `${name}=${durability[name]}`).join(', ')}: figures without durability mean nothing; switch it on`,
      );
    }
    return {
      cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      platform: `${process.platform}-${process.arch}`,
      node: process.versions.node,
      postgres: postgres!,
      loadAverage: loadavg()[0]!,
      durability,
    };
  } finally {
    await db.end();
  }
}
