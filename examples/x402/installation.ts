import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DevFile, freePort, projectFolder } from '../../src/doors/dev/index.ts';

export type Local = {
  dev: DevFile;
  /** Of the shop that `npm start` sets up. */
  shopKey: string;
  payonce(...args: string[]): Promise<number>;
  end(): Promise<void>;
};

const PATIENCE_MS = 180_000;

/**
 * A whole installation of this machine's own: embedded PostgreSQL, development chain, api, worker, signer, as `npm start` runs
 * them. One that an earlier run left behind, because it was killed, is gone on with.
 */
export async function startInstallation(stateDir: string): Promise<Local> {
  const port = String(await freePort());
  const child = script('start.mjs', ['--state-dir', stateDir, '--port', port, '--no-demo'], 'pipe');
  let said = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk) => {
      said = `${said}${chunk}`.slice(-4_000);
    });
  }
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const dev = readState<DevFile>(stateDir, 'dev.json');
    if (dev !== null && isAlive(dev.pids.supervisor)) {
      const keys = readState<Record<string, string>>(stateDir, 'merchants.json')!;
      const [shopKey] = Object.values(keys);
      return { dev, shopKey: shopKey!, payonce: payonceIn(stateDir), end: () => endOf(dev) };
    }
    // 3: another one has the folder, and will be ready.
    const failed = child.exitCode !== null && child.exitCode !== 3;
    if (failed || performance.now() > deadline) {
      child.kill();
      throw new Error(`the installation did not start:\n${said}`);
    }
    await sleep(200);
  }
}

function payonceIn(stateDir: string) {
  return async (...args: string[]): Promise<number> => {
    const child = script('payonce.mjs', [...args, '--state-dir', stateDir], 'ignore');
    return new Promise((done) => child.once('exit', (code) => done(code ?? 1)));
  };
}

async function endOf({ pids }: DevFile): Promise<void> {
  process.kill(pids.supervisor, 'SIGTERM');
  while (isAlive(pids.supervisor)) await sleep(100);
}

function script(name: string, args: string[], output: 'pipe' | 'ignore'): ChildProcess {
  const file = join(projectFolder(), 'scripts', name);
  return spawn(process.execPath, [file, ...args], { stdio: ['ignore', output, output] });
}

function readState<State>(stateDir: string, file: string): State | null {
  try {
    return JSON.parse(readFileSync(join(stateDir, file), 'utf8')) as State;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
