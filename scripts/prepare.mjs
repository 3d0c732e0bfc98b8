// Makes a fresh clone ready to run: Node version, npm packages, compiled dist/. Node built-ins only,
// because it runs before anything is installed; progress goes to stderr, so that commands keep stdout.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fail, readText, withLock } from './prepare-lock.mjs';

export { fail };

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const dist = join(root, 'dist');
const installStamp = join(modules, '.payonce-lock');
const npmRecord = join(modules, '.package-lock.json');
const buildStamp = join(dist, '.payonce-build');
// In dist/, because npm ci deletes node_modules.
const lockFile = join(dist, '.prepare.lock');

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`Node.js 20.19 or later is needed, this is ${process.version}: install a newer Node.js`);
}

/** Everything: afterwards node_modules fits the lock file and dist/ the sources. */
export async function prepare() {
  checkNode();
  if (isInstalled() && isBuilt()) return;
  await withLock(lockFile, async () => {
    if (!isInstalled()) await install();
    if (!isBuilt()) await build();
  });
}

export async function prepareInstall() {
  checkNode();
  if (!isInstalled()) await withLock(lockFile, async () => (isInstalled() ? undefined : install()));
}

/** `typed`: the types were just checked, which is most of what the compiler does. */
export async function prepareBuild({ typed = false } = {}) {
  if (!isBuilt()) await withLock(lockFile, async () => (isBuilt() ? undefined : build(typed)));
}

/** Runs a compiled file in this process, as if it had been started itself; signals reach it directly. */
export async function runCompiled(source, args) {
  const file = join(dist, source.replace(/\.ts$/, '.js'));
  if (!existsSync(file))
    fail(`${source} does not exist or is not compiled: name a .ts file of this project`);
  process.argv = [process.argv[0], file, ...args];
  await import(pathToFileURL(file).href);
}

// --- packages

function lockHash() {
  return sha256(
    `${process.platform}-${process.arch}\n${readFileSync(join(root, 'package-lock.json'), 'utf8')}`,
  );
}

function isInstalled() {
  const hash = lockHash();
  if (readText(installStamp) === hash) return true;
  if (!matchesLockFile()) return false;
  try {
    writeFileSync(installStamp, hash);
  } catch {
    // Installed by another user: the comparison is made again next time.
  }
  return true;
}

/** Installed by npm itself: its own record has every package of the lock file, and they are there. */
function matchesLockFile() {
  const record = readText(npmRecord);
  if (record === '') return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const found = JSON.parse(record).packages;
  const kept = Object.keys(wanted).filter((path) => path !== '' && !wanted[path].link);
  for (const path of kept) {
    const missing = found[path] === undefined;
    if (missing && wanted[path].optional) continue;
    if (missing || found[path].version !== wanted[path].version) return false;
    if (!existsSync(join(root, path, 'package.json'))) return false;
  }
  return Object.keys(found).every((path) => wanted[path] !== undefined);
}

async function install() {
  // Removed first: an installation that is broken off must not look like a whole one.
  rmSync(installStamp, { force: true });
  rmSync(npmRecord, { force: true });
  // No install script of a package is needed, so none is run whatever npm's version allows; development
  // packages hold the compiler and are wanted under NODE_ENV=production too.
  const options = [
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
  ];
  const [command, first] = npm();
  const { code, output } = await runQuietly('installing packages', command, [
    ...first,
    'ci',
    ...options,
  ]);
  if (code !== 0) {
    process.stderr.write(output);
    fail('npm ci failed (see above): mend that and start again');
  }
  writeFileSync(installStamp, lockHash());
}

/** The npm that runs us, else the one beside this Node, else the first of the PATH. */
function npm() {
  const running = process.env['npm_execpath'];
  if (running !== undefined && basename(running) === 'npm-cli.js')
    return [process.execPath, [running]];
  const beside = join(dirname(process.execPath), 'npm');
  return [existsSync(beside) ? beside : 'npm', []];
}

// --- dist/

/** What is run, and the declarations of what merchants import. */
const PROJECTS = ['tsconfig.build.json', 'tsconfig.x402.json'];
const DECLARATIONS = join(dist, 'src/doors/merchant/index.d.ts');

/** Sources as tsconfig.build.json includes them, relative to the root. */
function sources() {
  const deep = ['src', 'bench', 'examples'].flatMap((folder) => walk(join(root, folder)));
  const flat = ['scripts', 'test/support', 'test/proof'].flatMap((folder) =>
    list(join(root, folder)),
  );
  return [...deep, ...flat]
    .filter((file) => file.endsWith('.ts') && !/\.(test|fixture|d)\.ts$/.test(file))
    .map((file) => relative(root, file))
    .sort();
}

function compiled(source) {
  return join(dist, source.replace(/\.ts$/, '.js'));
}

function buildHash(files) {
  const hash = createHash('sha256').update(lockHash());
  for (const file of ['tsconfig.json', ...PROJECTS, ...files]) {
    hash.update(`\n${file}\n`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

function isBuilt() {
  const files = sources();
  return (
    readText(buildStamp) === buildHash(files) &&
    existsSync(DECLARATIONS) &&
    files.every((file) => existsSync(compiled(file)))
  );
}

async function build(typed = false) {
  const files = sources();
  // Of the sources as they are now: one that changes during the build makes the next start build again.
  const hash = buildHash(files);
  rmSync(buildStamp, { force: true });
  removeOrphans(files);
  // The compiler's record says that they were written: without it they are written again.
  if (!files.every((file) => existsSync(compiled(file))))
    rmSync(join(dist, '.tsbuildinfo'), { force: true });
  if (!existsSync(DECLARATIONS)) rmSync(join(dist, '.x402.tsbuildinfo'), { force: true });
  const tsc = join(modules, 'typescript', 'bin', 'tsc');
  for (const project of PROJECTS) {
    const args = [tsc, '-p', join(root, project), '--pretty', 'false'];
    if (typed) args.push('--noCheck');
    const { code, output } = await runQuietly('compiling', process.execPath, args);
    if (code === 0) continue;
    process.stderr.write(output);
    fail('the sources do not compile (see above): mend them and start again', code || 1);
  }
  writeFileSync(buildStamp, hash);
}

/** What deleted or renamed sources left in dist/ must not be imported or run any more. */
function removeOrphans(files) {
  const wanted = new Set(files.map(compiled));
  for (const file of walk(dist)) {
    const of = file.replace(/\.d\.ts$/, '.js').replace(/\.map$/, '');
    if (/\.js(\.map)?$|\.d\.ts$/.test(file) && !wanted.has(of)) rmSync(file);
  }
}

// --- small parts

/** Runs a program with its output kept; says what goes on when it takes longer than two seconds. */
function runQuietly(what, command, args) {
  const begun = performance.now();
  const seconds = () => Math.round((performance.now() - begun) / 1_000);
  const interactive = process.stderr.isTTY === true;
  let told = 0;
  const timer = setInterval(() => {
    // A terminal's line counts on; a log file gets a line after 2 s and then every 10.
    if (seconds() < 2 || (!interactive && told > 0 && seconds() - told < 10)) return;
    process.stderr.write(interactive ? `\r${what} … ${seconds()} s` : `${what} … ${seconds()} s\n`);
    told = seconds();
  }, 1_000);
  return new Promise((resolve) => {
    const chunks = [];
    const end = (code, problem = '') => {
      clearInterval(timer);
      if (told > 0)
        process.stderr.write(
          `${interactive ? '\r' : ''}${what}: ${code === 0 ? 'done' : 'failed'} after ${seconds()} s\n`,
        );
      resolve({ code, output: Buffer.concat(chunks).toString('utf8') + problem });
    };
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const stop = () => child.kill('SIGTERM');
    process.once('exit', stop);
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.once('error', (error) => end(127, `${command}: ${error.message}\n`));
    child.once('close', (code) => {
      process.off('exit', stop);
      end(code ?? 1);
    });
  });
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}

function list(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(folder, entry.name));
}

function walk(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}
