import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Ends servers of a test run when the run itself is killed: a small process that reads pids and
 * folders from a pipe, and kills and deletes what is left when the pipe closes, whatever closed it.
 */
const PROGRAM = `
const pids = new Set();
const folders = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
require('node:readline').createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [sign, what] = [line[0], line.slice(1)];
    const set = what[0] === '/' ? folders : pids;
    if (sign === '+') set.add(what); else set.delete(what);
  })
  .on('close', () => {
    for (const pid of pids) try { process.kill(Number(pid), 'SIGQUIT'); } catch {}
    setTimeout(() => {
      for (const folder of folders) require('node:fs').rmSync(folder, { recursive: true, force: true });
    }, folders.size * 500);
  });`;

let watcher: ChildProcess | undefined;

function tell(line: string): void {
  if (watcher === undefined) {
    watcher = spawn(process.execPath, ['-e', PROGRAM], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    watcher.unref();
    (watcher.stdin as Socket | null)?.unref();
    watcher.stdin?.on('error', () => {});
  }
  watcher.stdin?.write(`${line}\n`);
}

/** A pid to kill or an absolute path of a folder to delete should this process die. */
export function guard(what: number | string): void {
  tell(`+${what}`);
}

/** The process was ended, or the folder deleted, in good order. */
export function release(what: number | string): void {
  tell(`-${what}`);
}
