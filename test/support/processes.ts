import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { openPool, projectRoot } from '../../src/base/db/index.ts';
import { messageOf } from '../../src/base/kernel/index.ts';
import {
  type DevFile,
  endProcess,
  freePort,
  isRunning,
  type ProcessIdentity,
  readDevFile,
  removeAnvil,
  removePostgres,
  rpcCall,
  startTimeOf,
} from '../../src/doors/dev/index.ts';
import { guard, release } from './guard.ts';
import { until } from './until.ts';

const COMPONENTS = ['api', 'worker', 'signer', 'supervisor', 'postgres', 'anvil'] as const;
export type Component = (typeof COMPONENTS)[number];

const READY = 'Ctrl-C stops everything';
const END_STEPS = [
  { signal: 'SIGTERM', waitMs: 12_000 },
  { signal: 'SIGKILL', waitMs: 2_000 },
] as const;

const running = new Set<LocalInstallation>();

/** Ends what still runs, whoever started it; for the end of a program that was interrupted. */
export async function stopLocalInstallations(): Promise<void> {
  await Promise.all([...running].map((installation) => installation.stop()));
}

/**
 * An installation as users have it: the program of `npm start` with its processes, seen from outside by
 * dev.json, its databases, its API and its terminal. Knows its processes apart and signals no others.
 */
export class LocalInstallation {
  readonly stateDir: string;
  readonly port: number;
  /** The owner's connection to the main database; errors of a server that is away are thrown by queries. */
  readonly db: pg.Pool;
  readonly #folder: string;
  readonly #seen = new Map<number, ProcessIdentity>();
  readonly #extra = new Set<ChildProcess>();
  #supervisor: ChildProcess | null = null;
  #dev: DevFile;
  #text = '';

  private constructor(parts: {
    folder: string;
    port: number;
    launched: { child: ChildProcess; dev: DevFile; text: () => string };
  }) {
    this.#folder = parts.folder;
    this.stateDir = stateIn(parts.folder);
    this.port = parts.port;
    this.#dev = parts.launched.dev;
    this.db = openPool({ url: this.#dev.databaseUrl, role: 'owner', name: 'proof', max: 3 });
    this.#adopt(parts.launched);
  }

  /** A fresh one in a temporary folder; resolves when it says that it is ready. */
  static async start(): Promise<LocalInstallation> {
    const folder = mkdtempSync(join(tmpdir(), 'payonce-local-'));
    guard(folder);
    const port = await freePort();
    const launched = await launch(folder, port);
    const made = new LocalInstallation({ folder, port, launched });
    running.add(made);
    return made;
  }

  /** Starts the supervisor again, as a user does after it was killed; resolves when all is ready. */
  async startAgain(): Promise<void> {
    this.#adopt(await launch(this.#folder, this.port));
  }

  #adopt(launched: { child: ChildProcess; dev: DevFile; text: () => string }): void {
    this.#supervisor = launched.child;
    this.#dev = launched.dev;
    const before = this.#text;
    this.#readText = () => before + launched.text();
    this.#text = this.#readText();
    for (const component of COMPONENTS) this.identityOf(component);
  }

  #readText: () => string = () => '';

  /** All that stood on its terminal since the first start. */
  terminal(): string {
    this.#text = this.#readText();
    return this.#text;
  }

  /** Warnings of its terminal and of its roles' logs, the last of each, for the words of a failure. */
  lastWords(): string {
    const warnings = this.terminal()
      .split('\n')
      .filter((line) => line.startsWith('!'));
    const serious = (['api', 'worker', 'signer'] as const).flatMap((role) =>
      this.log(role)
        .split('\n')
        .filter((line) => line !== '' && !/"level":(10|20|30),/.test(line))
        .slice(-4),
    );
    return [...warnings.slice(-12), ...serious.map((line) => line.slice(0, 500))].join('\n');
  }

  /** What a role has written to its log. */
  log(role: 'api' | 'worker' | 'signer'): string {
    const file = join(this.stateDir, 'logs', `${role}.log`);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** dev.json as it is, or as it was last while the supervisor is away. */
  get dev(): DevFile {
    this.#dev = readDevFile(this.stateDir) ?? this.#dev;
    return this.#dev;
  }

  /** The process that plays this part now; null while there is none. */
  identityOf(component: Component): ProcessIdentity | null {
    const { pids } = this.dev;
    const pid = {
      supervisor: this.#supervisor?.pid,
      api: pids.api[0],
      worker: pids.worker[0],
      signer: pids.signer[0],
      postgres: pids.postgres,
      anvil: Object.values(pids.anvil)[0],
    }[component];
    if (typeof pid !== 'number') return null;
    const known = this.#seen.get(pid);
    if (known !== undefined) return isRunning(known) ? known : null;
    const startTime = startTimeOf(pid);
    if (startTime === null) return null;
    const identity = { pid, startTime };
    this.#seen.set(pid, identity);
    guard(pid);
    return identity;
  }

  /** Sends a signal to a component; false when it is not there. */
  signal(component: Component, signal: NodeJS.Signals): boolean {
    const identity = this.identityOf(component);
    if (identity === null) return false;
    try {
      process.kill(identity.pid, signal);
      return true;
    } catch {
      return false;
    }
  }

  /** A further worker beside the supervised one, as another machine would have it. */
  async startWorker(): Promise<{ pid: number; log(): string; stop(): Promise<void> }> {
    const file = join(this.stateDir, `worker-${this.#extra.size + 2}.log`);
    const log = openSync(file, 'a');
    const child = spawn(
      process.execPath,
      [
        join(projectRoot(), 'dist', 'src', 'doors', 'bin', 'worker.js'),
        ...['--config', join(this.stateDir, 'config.yaml')],
      ],
      {
        env: { PATH: process.env['PATH'] ?? '', DATABASE_URL: this.dev.databaseUrl },
        stdio: ['ignore', log, log],
        detached: true,
      },
    );
    closeSync(log);
    const { pid } = child;
    if (pid === undefined) throw new Error('the second worker did not start');
    guard(pid);
    this.#extra.add(child);
    const identity = { pid, startTime: startTimeOf(pid) ?? '' };
    const text = () => readFileSync(file, 'utf8');
    await until('the second worker', async () => text().includes('"msg":"ready"'));
    return {
      pid,
      log: text,
      stop: async () => {
        await endProcess(identity, END_STEPS);
        this.#extra.delete(child);
        release(pid);
      },
    };
  }

  /** One JSON-RPC call to its chain. */
  rpc<Result>(method: string, ...params: unknown[]): Promise<Result> {
    return rpcCall<Result>(this.dev.chains[0]!.rpcUrls[0]!, method, params);
  }

  /** Ctrl-C, and everything that it wrote is deleted; nothing of it runs afterwards. */
  async stop(): Promise<void> {
    if (!running.delete(this)) return;
    for (const child of this.#extra) child.kill('SIGKILL');
    for (const component of COMPONENTS) this.identityOf(component);
    // What was suspended could not end.
    for (const identity of this.#seen.values()) {
      if (isRunning(identity)) process.kill(identity.pid, 'SIGCONT');
    }
    await this.db.end().catch(() => {});
    const supervisor = this.identityOf('supervisor');
    if (supervisor !== null) await endProcess(supervisor, END_STEPS);
    for (const identity of this.#seen.values()) await endProcess(identity, END_STEPS);
    removeAnvil(this.stateDir);
    await removePostgres(this.stateDir);
    rmSync(this.#folder, { recursive: true, force: true });
    for (const pid of this.#seen.keys()) release(pid);
    release(this.#folder);
  }
}

/** Runs `work` on a fresh installation and removes it afterwards; an error has its last words. */
export async function onInstallation<T>(work: (on: LocalInstallation) => Promise<T>): Promise<T> {
  const on = await LocalInstallation.start();
  try {
    return await work(on);
  } catch (error) {
    throw new Error(`${messageOf(error)}\n${on.lastWords()}`, { cause: error });
  } finally {
    await on.stop();
  }
}

function stateIn(folder: string): string {
  return join(folder, 'state');
}

async function launch(
  folder: string,
  port: number,
): Promise<{ child: ChildProcess; dev: DevFile; text: () => string }> {
  const stateDir = stateIn(folder);
  const env = { ...process.env };
  for (const name of ['DATABASE_URL', 'SIGNER_DATABASE_URL']) delete env[name];
  const script = join(projectRoot(), 'scripts', 'start.mjs');
  const args = [script, '--state-dir', stateDir, '--port', String(port), '--no-demo'];
  const child = spawn(process.execPath, args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C at our terminal is ours: it is ended in order.
    detached: true,
  });
  if (child.pid !== undefined) guard(child.pid);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  let ended: string | null = null;
  child.once('exit', (code, signal) => {
    ended = String(signal ?? code);
  });
  child.once('error', (error) => {
    ended = error.message;
  });
  const dev = await until(
    'the installation to be ready',
    async () => {
      if (ended !== null) throw new Error(`npm start ended (${ended}) and said:\n${text}`);
      return text.includes(READY) && readDevFile(stateDir);
    },
    300_000,
  ).catch((error: Error) => {
    child.kill('SIGTERM');
    throw new Error(`${error.message}; its terminal:\n${text}`);
  });
  return { child, dev, text: () => text };
}

/** Bytes of memory that a process has now and had at most; zeros where the system does not tell. */
export function memoryOf(pid: number): { now: number; peak: number } {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const bytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1_024;
    return { now: bytes('VmRSS'), peak: bytes('VmHWM') };
  } catch {
    return { now: 0, peak: 0 };
  }
}
