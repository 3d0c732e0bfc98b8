import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerHome } from './postgres-files.ts';
import { startTimeOf } from './process.ts';

export type LockFile = { pid: number; port: number; socketDir: string; status: string };

/** postmaster.pid: pid, data folder, start, port, socket folder, address, shared memory, status. */
export function readLockFile(home: ServerHome): LockFile | null {
  try {
    const lines = readFileSync(join(home.dataDir, 'postmaster.pid'), 'utf8').split('\n');
    return {
      pid: Number(lines[0]),
      port: Number(lines[3]),
      socketDir: lines[4]?.trim() ?? '',
      status: lines[7]?.trim() ?? '',
    };
  } catch {
    return null;
  }
}

/**
 * A killed server stays a zombie for ever where nobody collects the dead (a container whose first process is
 * not an init), and PostgreSQL takes it for alive. Its lock goes only when no process works in the data folder
 * any more: the lock is what keeps a new server away from the sessions of the old one.
 */
export function dropZombieLock(home: ServerHome): void {
  const lock = readLockFile(home);
  if (lock === null || process.platform !== 'linux' || startTimeOf(lock.pid) !== null) return;
  if (!existsSync(`/proc/${lock.pid}`) || worksIn(home.dataDir)) return;
  rmSync(join(home.dataDir, 'postmaster.pid'), { force: true });
}

/** Whether a process has the folder as its working directory, as a server and its sessions do. */
function worksIn(folder: string): boolean {
  const real = realpathSync(folder);
  return readdirSync('/proc').some((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`) === real;
    } catch {
      return false;
    }
  });
}
