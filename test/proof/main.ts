/**
 * `npm run proof`: kills, suspends and cuts off whole installations while they pay, counts at the chain who
 * was paid, prints one table and writes a report.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { ConfigurationError, messageOf } from '../../src/base/kernel/index.ts';
import { projectFolder } from '../../src/doors/dev/index.ts';
import { stopLocalInstallations } from '../support/processes.ts';
import { type Proof, type ProofContext, randomOf, readSeed } from './proof.ts';
import { PROOFS } from './proofs.ts';
import { machineOf, type Report, type Row, tableOf, writeReport, wrongWith } from './report.ts';

const HELP = `Usage: npm run proof -- [options]

Proves on this machine that nobody is paid twice and nothing is lost. Everything runs in temporary
folders and is removed at the end. In full about half an hour.

  --only NAME,NAME  these proofs
  --short           at the size of the tests, and without those that are tests
  --seed N          the random numbers' seed (also PAYONCE_SEED); default: a new one, told in the table
  --list            names and sentences
  --help

Exit codes: 0 all hold · 1 one is broken · 2 usage · 130 interrupted.`;

type Options = { proofs: readonly Proof[]; size: 'full' | 'short'; seed: number };

function readOptions(args: readonly string[]): Options | string {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      short: { type: 'boolean', default: false },
      seed: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return HELP;
  if (values.list) return PROOFS.map(({ name, sentence }) => `${name}: ${sentence}`).join('\n');
  const names = values.only?.split(',') ?? PROOFS.map(({ name }) => name);
  const unknown = names.filter((name) => !PROOFS.some((proof) => proof.name === name));
  if (unknown.length > 0) {
    const known = PROOFS.map(({ name }) => name).join(', ');
    throw new ConfigurationError(`--only: found ${unknown.join(', ')}; allowed: ${known}`);
  }
  const seed = values.seed === undefined ? readSeed() : Number(values.seed);
  if (!Number.isSafeInteger(seed) || seed <= 0) {
    throw new ConfigurationError(`--seed: found ${values.seed}; allowed: a positive whole number`);
  }
  const size = values.short ? 'short' : 'full';
  const proofs = PROOFS.filter(
    ({ name, short }) => names.includes(name) && (size === 'full' || short),
  );
  return { proofs, size, seed };
}

const begun = performance.now();

/** To stderr, with the time since the start: stdout is the table's. */
function say(line: string): void {
  const seconds = (performance.now() - begun) / 1_000;
  process.stderr.write(`${seconds.toFixed(1).padStart(7)} s  ${line}\n`);
}

async function run(proof: Proof, options: Options, signal: AbortSignal): Promise<Row> {
  const { name, sentence } = proof;
  const { seed, size } = options;
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1_000;
  say(`${name}: ${sentence}`);
  let last = performance.now();
  const context: ProofContext = {
    seed,
    random: randomOf(seed),
    signal,
    say: (line) => {
      last = performance.now();
      say(`${name}: ${line}`);
    },
  };
  // A line that goes on for longer than two seconds: a terminal's counts on, a log gets one every ten.
  const interactive = process.stderr.isTTY === true;
  const quiet = setInterval(() => {
    const silentMs = performance.now() - last;
    if (silentMs < 2_000) return;
    const line = `${name} … ${Math.round(seconds())} s`;
    if (interactive) process.stderr.write(`\r\x1b[K          ${line}\r`);
    else if (silentMs >= 10_000) context.say(`… ${Math.round(seconds())} s`);
  }, 1_000);
  try {
    const result = await (size === 'full' ? proof.full(context) : proof.short!(context));
    const row: Row = { name, sentence, seed, seconds: seconds(), result, error: null };
    const wrong = wrongWith(row, size);
    say(`${name}: ${wrong.length === 0 ? 'holds' : `BROKEN: ${wrong.join('; ').slice(0, 1_000)}`}`);
    return row;
  } catch (error) {
    signal.throwIfAborted();
    say(`${name}: broken off: ${messageOf(error)}`);
    return { name, sentence, seed, seconds: seconds(), result: null, error: messageOf(error) };
  } finally {
    clearInterval(quiet);
  }
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === 'string') {
    process.stdout.write(`${options}\n`);
    return 0;
  }
  const { size, seed, proofs } = options;
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => interrupted.abort());
  }
  say(`seed ${seed}; npm run proof -- --seed ${seed} chooses the same kills`);
  const report: Report = { at: new Date().toISOString(), size, machine: machineOf(), rows: [] };
  for (const proof of proofs) report.rows.push(await run(proof, options, interrupted.signal));
  process.stdout.write(`\n${tableOf(report)}\n`);
  const base = writeReport(join(projectFolder(), '.payonce', 'proof'), report);
  say(`written: ${base}.md and .json`);
  return report.rows.every((row) => wrongWith(row, size).length === 0) ? 0 : 1;
}

function exitCodeOf(error: unknown): number {
  if ((error as Error).name === 'AbortError') return 130;
  const code = (error as { code?: unknown }).code;
  const usage = typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS');
  return error instanceof ConfigurationError || usage ? 2 : 1;
}

let exitCode: number;
try {
  exitCode = await main(process.argv.slice(2));
} catch (error) {
  exitCode = exitCodeOf(error);
  process.stderr.write(`proof: ${exitCode === 130 ? 'interrupted' : messageOf(error)}\n`);
}
await stopLocalInstallations();
process.exit(exitCode);
