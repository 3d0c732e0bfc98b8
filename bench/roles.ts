import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS } from '../src/doors/bin/node-flags.ts';
import { guard, release } from '../test/support/guard.ts';

export type RoleName = 'api' | 'worker' | 'signer';

type Message = { type: 'ready'; port?: number } | { type: 'failed'; message: string };

const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 10_000;

/** One role as it runs in operation: its own process, its own log. */
export class RoleProcess {
  readonly name: RoleName;
  readonly pid: number;
  /** Of the api; 0 for the others. */
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #logFile: string;

  private constructor(parts: {
    name: RoleName;
    process: ChildProcess;
    port: number;
    logFile: string;
  }) {
    this.name = parts.name;
    this.pid = parts.process.pid!;
    this.port = parts.port;
    this.#process = parts.process;
    this.#logFile = parts.logFile;
  }

  /** Resolves when it says that it is ready; throws with its own words when it ends before. */
  static async start(options: {
    name: RoleName;
    configFile: string;
    env: Record<string, string>;
    logFile: string;
    profileDir: string | null;
  }): Promise<RoleProcess> {
    const { name, configFile, logFile, profileDir } = options;
    const log = openSync(logFile, 'a');
    const child = spawn(
      process.execPath,
      [
        ...NODE_FLAGS,
        ...(profileDir === null
          ? []
          : [
              '--cpu-prof',
              `--cpu-prof-dir=${profileDir}`,
              `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`,
            ]),
        fileURLToPath(new URL(`../src/doors/bin/${name}.js`, import.meta.url)),
        ...['--config', configFile],
      ],
      {
        env: { PATH: process.env['PATH'] ?? '', LOG_LEVEL: 'info', ...options.env },
        stdio: ['ignore', log, log, 'ipc'],
        detached: true,
      },
    );
    closeSync(log);
    if (child.pid !== undefined) guard(child.pid);
    const port = await ready(child, name, logFile);
    return new RoleProcess({ name, process: child, port, logFile });
  }

  lastWords(): string {
    return tail(this.#logFile);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const gone = new Promise((resolve) => this.#process.once('exit', resolve));
      this.#process.kill('SIGTERM');
      const late = setTimeout(() => this.#process.kill('SIGKILL'), STOP_WITHIN_MS);
      await gone;
      clearTimeout(late);
    }
    release(this.pid);
  }
}

function ready(child: ChildProcess, name: RoleName, logFile: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      child.kill('SIGKILL');
      reject(new Error(`${name} did not start: ${why}\n${tail(logFile)}`));
    };
    const late = setTimeout(
      () => fail(`not ready in ${READY_WITHIN_MS / 1_000} s`),
      READY_WITHIN_MS,
    );
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      fail(`ended with ${signal ?? code}`);
    });
    child.on('message', (message: Message) => {
      if (message.type !== 'ready') return;
      clearTimeout(late);
      child.removeAllListeners('exit');
      resolve(message.port ?? 0);
    });
  });
}

/** Warnings and errors come first to mind: of a log of many lines, the last few of those. */
function tail(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n');
  const serious = lines.filter((line) => !/"level":(10|20|30),/.test(line));
  return (serious.length > 0 ? serious : lines).slice(-5).join('\n');
}
