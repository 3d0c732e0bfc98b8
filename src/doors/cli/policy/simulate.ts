import { type Command, InvalidArgumentError } from 'commander';
import { Assets, type Requirement, type Settings } from '../../../base/config/index.ts';
import { type Db, openPool } from '../../../base/db/index.ts';
import { formatAmount } from '../../../base/kernel/index.ts';
import { findTenant, listTenants } from '../../../books/access/index.ts';
import { type Simulation, simulatePolicy } from '../../../roads/control/index.ts';
import { pastWithdrawals } from '../../../roads/withdrawal/index.ts';
import { pastPayments } from '../../../roads/x402/index.ts';
import { CliEnd, EXIT, type Run } from '../context.ts';
import { printJson, printTable } from '../print.ts';
import { findSettings, type SourceFlags } from '../sources.ts';
import { readPolicyFile } from './check.ts';

type Flags = SourceFlags & { tenant?: string; days: number; limit: number; json?: boolean };

/** Some 100 us each, windows in memory. */
const MOST = 1_000_000;
/** What is told of a long run on stderr, at most so often. */
const PROGRESS_MS = 2_000;

export function addPolicySimulate(policy: Command, run: Run): void {
  policy
    .command('simulate')
    .description(
      'what a document would have said of the withdrawals and x402 payments of past days; writes nothing',
    )
    .argument('<file>', 'YAML or JSON')
    .option('--tenant <name>', 'whose (needed where there are several tenants)')
    .option('--days <n>', 'how many days back, 1 to 366', readWhole(366), 30)
    .option('--limit <n>', 'the most differences to tell', readWhole(1_000_000), 200)
    .option('--config <file>', 'configuration file that names database, assets and chains')
    .option('--state-dir <dir>', 'folder of dev.json (default: .payonce here)')
    .option('--json', 'print JSON')
    .action((file: string, flags: Flags) => simulate(run, flags, file));
}

async function simulate(run: Run, flags: Flags, file: string): Promise<void> {
  const policy = readPolicyFile(run, flags, file);
  const settings = findSettings(run, flags);
  const db = openPool({
    ...{ url: settings.database.url, role: 'payonce_app', name: 'payonce-simulate', max: 1 },
    answerWithinMs: null,
  });
  try {
    const { days, limit } = flags;
    const context = { assets: new Assets(settings.assets), settings };
    const sources = [pastWithdrawals(context), pastPayments(context)];
    const told = await simulatePolicy(sources, db, {
      ...{ tenantId: await tenantOf(db, flags.tenant), policy, days, limit, most: MOST },
      progress: throttled(run),
    });
    if (flags.json) printJson(run.stdout, told);
    else print(run, settings, told, days);
  } finally {
    await db.end();
  }
}

async function tenantOf(db: Db, name: string | undefined): Promise<string> {
  if (name !== undefined) {
    const tenant = await findTenant(db, { name });
    if (tenant === null) throw new CliEnd(EXIT.usage, `there is no tenant ${name}`);
    return tenant.tenantId;
  }
  const [only, ...others] = await listTenants(db);
  if (only === undefined || others.length > 0) {
    const names = [only, ...others].flatMap((one) => one?.name ?? []).join(', ');
    throw new CliEnd(EXIT.usage, `name one with --tenant: there are ${names || 'none'}`);
  }
  return only.tenantId;
}

function print(run: Run, settings: Settings, told: Simulation, days: number): void {
  const { differences, outcomes, looked, warmedUp, truncated, more } = told;
  const assets = new Assets(settings.assets);
  if (differences.length > 0) {
    printTable(
      run.stdout,
      differences.map((one) => {
        const asset = assets.find(one.asset);
        const amount = formatAmount(BigInt(one.amountAtomic), asset?.decimals ?? 0);
        const shown = ({ outcome, tier, approvals }: typeof one.was) => {
          const by = [...(tier === null ? [] : [tier]), ...approvals.map(textOf)];
          return by.length === 0 ? outcome : `${outcome} (${by.join('; ')})`;
        };
        return {
          ...{ kind: one.kind, id: one.id, 'decided at': one.decidedAt, account: one.account },
          amount: `${amount} ${asset?.id ?? one.asset}`,
          ...{ was: shown(one.was), would: shown(one.would), reason: one.reason },
        };
      }),
    );
    run.stdout.write(more ? `and more: see --limit\n\n` : '\n');
  }
  for (const { kind, was, would, count } of outcomes) {
    const what = was === would ? `${was}, as before` : `${was} → ${would}`;
    run.stdout.write(`${String(count).padStart(8)}  ${kind}s ${what}\n`);
  }
  const before = warmedUp === 0 ? '' : `; ${warmedUp} before them filled the windows`;
  const left = truncated ? '; the oldest were left out' : '';
  run.stdout.write(
    `${looked} withdrawals and payments of ${days} days${before}${left}; ${told.version}\n`,
  );
}

/** `2 of finance`, `1 of finance and 1 of board`. */
function textOf(asked: Requirement): string {
  if ('group' in asked) return `${asked.count} of ${asked.group}`;
  const [parts, word] = 'all' in asked ? [asked.all, ' and '] : [asked.any, ' or '];
  const each = parts.map((part) =>
    'group' in part || parts.length === 1 ? textOf(part) : `(${textOf(part)})`,
  );
  return each.join(word);
}

function readWhole(most: number) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
    throw new InvalidArgumentError(`It is a whole number from 1 to ${most}.`);
  };
}

function throttled(run: Run): (text: string) => void {
  let last = performance.now();
  return (text) => {
    if (performance.now() - last < PROGRESS_MS) return;
    last = performance.now();
    run.stderr.write(`payonce: policy simulate: ${text}\n`);
  };
}
