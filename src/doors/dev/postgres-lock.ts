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
 * not an init), and PostgreSQL takes it for alive. Its locks go only when no process works in the data folder
 * any more: they are what keeps a new server away from the sessions of the old one.
 */
export function dropZombieLock(home: ServerHome): void {
  if (process.platform !== 'linux') return;
  const held = locksOf(home).filter((file) => isZombie(pidIn(file)));
  if (held.length === 0 || worksIn(home.dataDir)) return;
  for (const file of held) rmSync(file, { force: true });
}

/** Of the data folder and of the sockets, which lie in the home. */
function locksOf(home: ServerHome): string[] {
  const sockets = readdirSync(home.folder).filter((name) => /^\.s\.PGSQL\.\d+\.lock$/.test(name));
  return [join(home.dataDir, 'postmaster.pid'), ...sockets.map((name) => join(home.folder, name))];
}

/** 0 when there is no such file. */
function pidIn(lockFile: string): number {
  try {
    return Number(readFileSync(lockFile, 'utf8').split('\n')[0]);
  } catch {
    return 0;
  }
}

function isZombie(pid: number): boolean {
  return pid > 0 && startTimeOf(pid) === null && existsSync(`/proc/${pid}`);
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
