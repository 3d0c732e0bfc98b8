import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { readSettings } from '../../../base/config/index.ts';
import { type Db, type DbRole, openPool } from '../../../base/db/index.ts';
import type { Hex } from '../../../base/kernel/index.ts';
import {
  type Law,
  parseSince,
  readLaws,
  type Since,
  verify,
} from '../../../roads/reconcile/index.ts';
import { EXIT, type Run } from '../context.ts';
import { printJson, printTable } from '../print.ts';
import { findDatabases, findDevFile, type SourceFlags } from '../sources.ts';
import { AUDIT_KEY, readAuditKeys, trustedOf } from './audit-trust.ts';
import { printReport } from './verify-print.ts';

type Flags = SourceFlags & {
  since?: Since;
  laws?: boolean;
  json?: boolean;
  rpc?: string[];
  law?: Law[];
  audit?: boolean;
  auditKey?: Hex[];
  anchor?: string;
  databaseUrl?: string;
  signerDatabaseUrl?: string;
};

/** What is told of a long run on stderr, at most so often. */
const PROGRESS_MS = 2_000;

export function addVerify(program: Command, run: Run): void {
  program
    .command('verify')
    .description(
      'prove that ledger, journal and chain agree; writes nothing, also beside running processes',
    )
    .option('--since <when>', 'only what is younger: a time, a withdrawal id or a block', readSince)
    .option('--laws', 'list the laws and ask nothing')
    .option('--law <name>', 'this law alone, once for each', readLaw)
    .option(
      '--audit',
      'also compute every audit block anew from the rows, and name the first that differs',
    )
    .option('--audit-key <key>', AUDIT_KEY, readAuditKeys)
    .option('--anchor <file>', 'the file of anchored roots (default: as configured)')
    .option('--rpc <url>', 'a node to ask, once for each', (url, before?: string[]) => [
      ...(before ?? []),
      url,
    ])
    .option('--database-url <url>', 'the main database')
    .option('--signer-database-url <url>', "the signer's database")
    .option('--config <file>', 'configuration file that names databases and nodes')
    .option('--state-dir <dir>', 'folder of dev.json (default: .payonce here)')
    .option('--json', 'print JSON')
    .action(async (flags: Flags) => {
      if (flags.laws) {
        const laws = readLaws().map(({ name, sentence }) => ({ name, sentence }));
        if (flags.json) printJson(run.stdout, laws);
        else printTable(run.stdout, laws);
        return;
      }
      run.end(await verifyCommand(run, flags));
    });
}

async function verifyCommand(run: Run, flags: Flags): Promise<number> {
  const sources = findSources(run, flags);
  const audit = flags.audit === true ? await trustedOf(run, flags) : null;
  const open = (url: string, role: DbRole) =>
    openPool({ url, role, name: 'payonce-verify', max: 1, answerWithinMs: null });
  const main = open(sources.url, 'payonce_app');
  const signer = sources.signerUrl === null ? null : open(sources.signerUrl, 'payonce_signer');
  try {
    const report = await verify({
      main,
      signer: signer ?? {
        absent: 'no signer database: set SIGNER_DATABASE_URL or give --signer-database-url',
      },
      nodes: sources.nodes,
      since: flags.since ?? null,
      audit,
      ...(flags.law === undefined ? {} : { laws: flags.law }),
      progress: throttled(run),
    });
    if (flags.json) printJson(run.stdout, report);
    else printReport(run.stdout, report);
    if (report.result === 'broken') return EXIT.failed;
    return report.result === 'incomplete' ? EXIT.unavailable : EXIT.well;
  } finally {
    await Promise.all([main, signer].map((pool: Db | null) => pool?.end()));
  }
}

type Sources = { url: string; signerUrl: string | null; nodes: readonly string[] };

/** As other commands find databases; the signer's may be missing, and so may nodes: then it is told. */
function findSources(run: Run, flags: Flags): Sources {
  const named = flags.rpc ?? [];
  if (flags.databaseUrl !== undefined) {
    return { url: flags.databaseUrl, signerUrl: flags.signerDatabaseUrl ?? null, nodes: named };
  }
  const { url, from, signerUrl } = findDatabases(run, flags, { signer: false });
  const nodes = from === 'DATABASE_URL' ? [] : nodesOf(run, flags);
  // The signer's section of a configuration names keys, which nobody needs here: the environment names its database.
  const signer = flags.signerDatabaseUrl ?? signerUrl ?? (run.env['SIGNER_DATABASE_URL'] || null);
  return { url, signerUrl: signer, nodes: [...named, ...nodes] };
}

function nodesOf(run: Run, flags: Flags): string[] {
  if (flags.config === undefined) {
    return findDevFile(run, flags.stateDir)?.chains?.flatMap((chain) => chain.rpcUrls) ?? [];
  }
  const file = resolve(run.cwd, flags.config);
  const { chains } = readSettings({ file, env: run.env, need: { signer: false } });
  return chains.flatMap((chain) => chain.rpc.map((rpc) => rpc.url));
}

function throttled(run: Run): (text: string) => void {
  let last = performance.now();
  return (text) => {
    if (performance.now() - last < PROGRESS_MS) return;
    last = performance.now();
    run.stderr.write(`payonce: verify: ${text}\n`);
  };
}

function readSince(text: string): Since {
  const since = parseSince(text);
  if (since !== null) return since;
  throw new InvalidArgumentError(
    'It is a time like 2027-01-31T00:00:00Z, a withdrawal id or the number of a block.',
  );
}

function readLaw(name: string, before: Law[] = []): Law[] {
  const law = readLaws().find((one) => one.name === name);
  if (law !== undefined) return [...before, law];
  throw new InvalidArgumentError('There is no such law: see payonce verify --laws.');
}
