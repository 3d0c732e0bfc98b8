/**
 * `npm run bench`: starts an installation of its own, measures it against rulers in the same run, checks
 * that nobody was paid twice, prints a table and writes it as JSON.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigurationError, messageOf } from '../src/base/kernel/index.ts';
import { projectFolder } from '../src/doors/dev/index.ts';
import { measureAccept } from './accept.ts';
import { measureCalls } from './calls.ts';
import { CheckFailed } from './check.ts';
import { measureEndToEnd } from './end-to-end.ts';
import { measureIdle } from './idle.ts';
import { readMachine } from './machine.ts';
import { measurePolicy } from './policy.ts';
import { during, say } from './progress.ts';
import { type Report, tableOf, writeReport } from './report.ts';
import { measureSigning } from './signing.ts';
import { type Server, startServer } from './stage.ts';
import { measureTracking } from './tracking.ts';
import { measureX402 } from './x402/measure.ts';

const HELP = `Usage: npm run bench -- [options]

Measures this machine: PostgreSQL, a development chain, api, worker and signer are started here and
removed at the end. A full run takes about a quarter of an hour, --quick about six minutes.

  --only accept|policy|e2e|signer|rpc|idle|x402  a part of it
  --quick               1,500 withdrawals end to end instead of 5,000, and shorter runs
  --withdrawals N       end to end, in each run
  --lanes N,N           end to end with these numbers of lanes (default 1,3; at most 8)
  --apis N              processes of the api for accept (default: one per core, at most 4)
  --rounds N            runs of each measurement (default 3; median and spread are told)
  --label NAME          names the result file: bench/results/<UTC date>-NAME.json (default: full or quick)
  --profile DIR         CPU profiles of the roles, PostgreSQL's statements and log into DIR (costs some speed)
  --postgres NAME=VALUE a setting of PostgreSQL; may be repeated
  --help

Exit codes: 0 well · 1 a check failed · 2 usage, or PostgreSQL without durability · 3 something did not run.`;

const PARTS = ['accept', 'policy', 'e2e', 'signer', 'rpc', 'idle', 'x402'] as const;
type Part = (typeof PARTS)[number];

type Options = {
  only: Part | null;
  quick: boolean;
  withdrawals: number;
  lanes: number[];
  apis: number;
  rounds: number;
  label: string;
  profileDir: string | null;
  settings: Record<string, string>;
};

function readOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      withdrawals: { type: 'string' },
      lanes: { type: 'string', default: '1,3' },
      apis: { type: 'string', default: String(Math.min(4, availableParallelism())) },
      rounds: { type: 'string', default: '3' },
      label: { type: 'string' },
      profile: { type: 'string' },
      postgres: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const { quick } = values;
  const only = PARTS.find((part) => part === values.only) ?? null;
  if (values.only !== undefined && only === null) {
    throw new ConfigurationError(`--only: found ${values.only}; allowed: ${PARTS.join(', ')}`);
  }
  const label = values.label ?? (quick ? 'quick' : 'full');
  if (!/^[a-z0-9][a-z0-9.-]{0,40}$/.test(label)) {
    throw new ConfigurationError(
      `--label: found ${label}; allowed: a-z 0-9 . -, at most 41 characters`,
    );
  }
  return {
    only,
    quick,
    label,
    lanes: values.lanes.split(',').map((text) => count('--lanes', text, 8)),
    rounds: count('--rounds', values.rounds, 100),
    apis: count('--apis', values.apis, 16),
    withdrawals: count('--withdrawals', values.withdrawals ?? (quick ? '1500' : '5000'), 1_000_000),
    profileDir: values.profile === undefined ? null : resolve(values.profile),
    settings: Object.fromEntries(values.postgres.map(readSetting)),
  };
}

function count(name: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new ConfigurationError(`${name}: found ${text}; allowed: a whole number from 1 to ${most}`);
}

function readSetting(text: string): [string, string] {
  const [, name, value] = /^([a-z_.]+)=(.*)$/.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new ConfigurationError(`--postgres: found ${text}; allowed: NAME=VALUE`);
}

/** Fills in the report part by part, so that what was measured is told when the next part breaks. */
async function bench(server: Server, options: Options, report: Report): Promise<void> {
  const { only, quick, rounds, withdrawals, lanes, apis, profileDir } = options;
  if (only === null || only === 'accept') {
    say('accept: api and PostgreSQL only; worker and signer are not running');
    const size = { rounds, seconds: quick ? 2 : 5, openRate: 5_000, apis };
    report.accept = await measureAccept(server, size, profileDir);
  }
  if (only === null || only === 'policy') {
    say('policy: validation by a document of 30 rules against none, and PostgreSQL');
    const size = quick
      ? { rounds, withdrawals: 5_000, entries: 100_000 }
      : { rounds, withdrawals: 20_000, entries: 1_000_000 };
    report.policy = await measurePolicy(server, size, profileDir);
  }
  if (only === null || only === 'e2e') {
    say('end to end: api, worker, signer, PostgreSQL and the chain');
    const size = {
      rounds,
      withdrawals,
      lanes,
      pacedPerSecond: 500,
      pacedSeconds: quick ? 3 : 8,
      rulerSeconds: quick ? 2 : 4,
    };
    report.endToEnd = await measureEndToEnd(server, size, profileDir);
  }
  if (only === null || only === 'signer') {
    say('signer: alone with PostgreSQL, its orders waiting');
    const size = { rounds, signatures: quick ? 3_000 : 10_000 };
    report.signing = await measureSigning(server, size, profileDir);
  }
  if (only === null || only === 'rpc') {
    say('rpc: what the node is asked, and what following its blocks costs');
    const paced = { rounds, perSecond: 500, seconds: quick ? 5 : 20 };
    report.calls = await measureCalls(server, paced);
    const size = quick
      ? { rounds, inFlight: 20_000, final: [2_000, 20_000], blocks: 5 }
      : { rounds, inFlight: 100_000, final: [20_000, 200_000], blocks: 20 };
    report.tracking = await measureTracking(server, size);
  }
  if (only === null || only === 'idle') {
    say('idle: an installation of npm start');
    const size = { rounds, seconds: quick ? 10 : 30, withdrawals: quick ? 10 : 20 };
    report.idle = await measureIdle(size);
  }
  if (only === null || only === 'x402') {
    say('x402: our facilitator, and the one of the official packages');
    const levels = quick ? [8, 100] : [8, 32, 100, 400];
    const size = { rounds, levels, each: quick ? 2 : 3, verifies: quick ? 2_000 : 6_000 };
    report.x402 = await measureX402(server, size, profileDir);
  }
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === 'help') {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  const { profileDir, label, quick, rounds } = options;
  if (profileDir !== null) mkdirSync(profileDir, { recursive: true });
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => reject(new Interrupted()));
    }
  });
  interrupted.catch(() => {});
  const server = await during('starting PostgreSQL', startServer(options.settings, profileDir));
  let report: Report | null = null;
  try {
    const machine = await readMachine(server.postgres.url('postgres'));
    const at = new Date().toISOString();
    report = {
      ...{ label, at, quick, rounds, machine },
      ...{
        accept: null,
        policy: null,
        endToEnd: null,
        signing: null,
        calls: null,
        tracking: null,
        idle: null,
        x402: null,
      },
    };
    await Promise.race([bench(server, options, report), interrupted]);
    say(`written: ${writeReport(join(projectFolder(), 'bench', 'results'), report)}`);
    return 0;
  } finally {
    if (report !== null && isBegun(report)) {
      process.stdout.write(`\n${tableOf(report)}\n`);
    }
    // Roles and nodes that still run end with this process (test/support/guard); files are removed here.
    await server.stop();
  }
}

function isBegun(report: Report): boolean {
  const { accept, policy, endToEnd, signing, calls, tracking, idle, x402 } = report;
  const parts = [accept, policy, endToEnd, signing, calls, tracking, idle, x402];
  return parts.some((part) => part !== null);
}

class Interrupted extends Error {}

function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return 130;
  if (error instanceof CheckFailed) return 1;
  const code = (error as { code?: unknown }).code;
  const usage = typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS');
  return error instanceof ConfigurationError || usage ? 2 : 3;
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(
    `bench: ${error instanceof Interrupted ? 'interrupted' : messageOf(error)}\n`,
  );
  process.exit(exitCodeOf(error));
}
