// One preparation of a checkout at a time. Node built-ins only: it runs before anything is installed.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Ends the process with one line: 2 is usage or configuration. */
export function fail(line, code = 2) {
  process.stderr.write(`payonce: ${line}\n`);
  process.exit(code);
}

/** Empty when the file can not be read. */
export function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Runs `work` while nobody else holds the lock file; a lock whose owner died is taken over. */
export async function withLock(lockFile, work) {
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid) });
  let told = false;
  const begun = performance.now();
  while (!takeLock(lockFile, mine)) {
    const holder = readText(lockFile);
    if (isStale(lockFile, holder)) {
      if (readText(lockFile) === holder) rmSync(lockFile, { force: true });
      continue;
    }
    if (!told && performance.now() - begun > 2_000) {
      process.stderr.write('waiting for another payonce that installs or compiles …\n');
      told = true;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const release = () => {
    if (readText(lockFile) === mine) rmSync(lockFile, { force: true });
  };
  process.once('exit', release);
  try {
    return await work();
  } finally {
    release();
    process.off('exit', release);
  }
}

function takeLock(lockFile, content) {
  try {
    mkdirSync(dirname(lockFile), { recursive: true });
    writeFileSync(lockFile, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    return fail(
      `${dirname(lockFile)} can not be written (${error.code}): give this folder to the user who starts payonce`,
    );
  }
}

function isStale(lockFile, content) {
  // Empty: its owner is between creating and writing it, or died there.
  if (content === '') {
    const found = statSync(lockFile, { throwIfNoEntry: false });
    return found !== undefined && Date.now() - found.mtimeMs > 5_000;
  }
  const { pid, started } = JSON.parse(content);
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code === 'ESRCH';
  }
  return startOf(pid) !== started;
}

/** Where /proc tells it, the start time keeps a pid that was given again from holding the lock. */
function startOf(pid) {
  const stat = readText(`/proc/${pid}/stat`);
  return stat === '' ? null : (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null);
}
