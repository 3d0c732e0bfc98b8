import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigurationError, systemClock } from '../../base/kernel/index.ts';
import { runCli, type StartFlags } from '../cli/index.ts';
import { projectFolder, readDevFile } from '../dev/index.ts';
import { adoptConfiguredLanes } from './adopt.ts';
import { portOf } from './chains.ts';
import { prepareFacilitator } from './facilitator/run.ts';
import { type StartOptions, Supervisor, Terminal } from './supervise/index.ts';

/** Runs the `payonce` command as this process: its exit code is the process's. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  // A terminal that is gone must not take the installation with it.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const ended = new AbortController();
  const code = await runCli(argv, {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    signal: ended.signal,
    doors: {
      readDevFile,
      start: (flags) => start(flags, ended),
      facilitator: () => facilitator(ended),
      bench,
      // What a person books or opens rests on what enough nodes say.
      portOf: (chain) => portOf(chain).agreed,
    },
  });
  process.exitCode = code;
  // Connections that are kept open for another request would hold the process for seconds.
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(code);
}

const flushed = (stream: NodeJS.WriteStream) =>
  new Promise<void>((done) => stream.write('', () => done()));

function start(flags: StartFlags, ended: AbortController): Promise<number> {
  endBySignals(ended);
  const stateDir = flags.stateDir ?? join(projectFolder(), '.payonce');
  return supervise({ ...flags, stateDir }, { env: process.env, ended });
}

async function facilitator(ended: AbortController): Promise<number> {
  endBySignals(ended);
  const say = (line: string) => new Terminal(process.stdout).say(line);
  const { options, env } = await prepareFacilitator(process.env, { clock: systemClock, say });
  return supervise(options, { env, ended });
}

/** npm and the terminal may each deliver the same Ctrl-C: the second is no other wish. */
function endBySignals(ended: AbortController): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => ended.abort());
  }
}

async function supervise(
  options: StartOptions,
  { env, ended }: { env: NodeJS.ProcessEnv; ended: AbortController },
): Promise<number> {
  const supervisor = new Supervisor(options, {
    env,
    terminal: new Terminal(process.stdout),
    clock: systemClock,
    signal: ended.signal,
    fileOf: (role) => compiled(`src/doors/bin/${role}.js`),
    adoptLanes: adoptConfiguredLanes,
  });
  await supervisor.run();
  return 0;
}

function compiled(file: string): string {
  return join(projectFolder(), 'dist', file);
}

/** The bench, as if it had been started itself; its exit code. */
function bench(args: readonly string[]): Promise<number> {
  const file = resolve(compiled('bench/main.js'));
  if (!existsSync(file)) {
    throw new ConfigurationError(`the bench is not here (${file}): run it from a checkout`);
  }
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [file, ...args], { stdio: 'inherit' });
    child.once('error', fail);
    child.once('close', (code) => done(code ?? 1));
  });
}
