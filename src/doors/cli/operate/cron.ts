import { hostname } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import type { Settings } from '../../../base/config/index.ts';
import type { Db } from '../../../base/db/index.ts';
import { ConfigurationError, silentLog } from '../../../base/kernel/index.ts';
import type { Finding } from '../../../books/finding/index.ts';
import { readLanes } from '../../../books/tx/index.ts';
import { checkFunds, moveView, sweepLanes, topUpLanes } from '../../../hands/treasury/index.ts';
import { booksChecks, type Check, runCheck } from '../../../roads/reconcile/index.ts';
import { CliEnd, EXIT, type Run } from '../context.ts';
import { withDatabase, withSources } from '../database-commands.ts';
import { printJson, printTable } from '../print.ts';
import { findSettings, type SourceFlags } from '../sources.ts';
import { movesContext } from './moves.ts';

type Flags = SourceFlags & { json?: boolean; stuckAfter?: number };

/** Without a configuration. */
const STUCK_AFTER_MS = 900_000;
const PROGRESS_MS = 2_000;

const CHECKS = {
  'status-check': 'transactions, jobs, reserves and chains that stand still, and dead letters',
  'verify-sent': 'signed bytes that were never sent, or that no node took',
  reconcile: "the laws of the ledger, by the books alone; chain and journal are verify's",
  funds: 'lanes below their minimums: pauses those without gas, opens those with, orders top-ups',
} as const;

export function addCronCommands(program: Command, run: Run): void {
  const cron = program
    .command('cron')
    .description('regular checks, once and now: for a CronJob beside or in place of a worker');
  for (const [name, description] of Object.entries(CHECKS)) {
    const command = withSources(cron.command(name)).description(`look for ${description}`);
    if (name === 'status-check' || name === 'verify-sent') {
      command.option('--stuck-after <seconds>', 'how long a thing may stand', readSeconds);
    }
    command.action((flags: Flags) =>
      withDatabase(run, flags, (db) => checkOnce(run, flags, db, name as keyof typeof CHECKS)),
    );
  }
  addSweep(cron, run);
}

async function checkOnce(run: Run, flags: Flags, db: Db, name: keyof typeof CHECKS): Promise<void> {
  const settings = settingsOf(run, flags, name);
  const stuckAfterMs =
    flags.stuckAfter === undefined
      ? (settings?.checks.stuckAfterMs ?? STUCK_AFTER_MS)
      : flags.stuckAfter * 1000;
  const check: Check =
    name === 'funds'
      ? { name, run: () => checkAndFill(db, settings!) }
      : booksChecks(db, { stuckAfterMs, progress: throttled(run) })[name];
  const owner = `${hostname()}:${process.pid}:cli`;
  const outcome = await runCheck({ db, owner, log: silentLog }, check, 0);
  if (outcome === null) {
    throw new CliEnd(EXIT.unavailable, `${name} is running elsewhere: try again when it has ended`);
  }
  const isNew = new Set(outcome.fresh);
  const found = outcome.found.map((finding) => ({ ...finding, new: isNew.has(finding) }));
  if (flags.json) printJson(run.stdout, { check: name, findings: found });
  else {
    printTable(
      run.stdout,
      found.map(({ kind, subject, detail, ...finding }) => ({
        kind,
        subject,
        new: finding.new ? 'yes' : 'no',
        detail: JSON.stringify(detail),
      })),
    );
  }
  if (found.length > 0) run.end(EXIT.failed);
}

async function checkAndFill(db: Db, settings: Settings): Promise<Finding[]> {
  const found = await checkFunds(db, settings.lanes);
  await topUpLanes(await movesContext(db, settings));
  return found;
}

function addSweep(cron: Command, run: Run): void {
  withSources(cron.command('sweep'))
    .description('send what lanes have above what they are to keep to their treasury wallets')
    .action((flags: Flags) => {
      const settings = findSettings(run, flags);
      if (settings.treasury.length === 0) {
        throw new ConfigurationError('no treasury wallet is configured: there is none to sweep to');
      }
      return withDatabase(run, flags, async (db) => {
        const lanes = (await readLanes(db)).map(({ laneId }) => laneId);
        const by = 'payonce cron sweep';
        const moves = (await sweepLanes(await movesContext(db, settings), lanes, by)).map((move) =>
          moveView(move, settings),
        );
        if (flags.json) printJson(run.stdout, { moves });
        else printTable(run.stdout, moves);
      });
    });
}

/** Only minimums need the configuration; the rest may do without. */
function settingsOf(run: Run, flags: Flags, name: keyof typeof CHECKS): Settings | null {
  try {
    return findSettings(run, flags);
  } catch (error) {
    const optional = name !== 'funds' && flags.config === undefined;
    if (optional && error instanceof ConfigurationError) return null;
    throw error;
  }
}

function throttled(run: Run): (text: string) => void {
  let last = performance.now();
  return (text) => {
    if (performance.now() - last < PROGRESS_MS) return;
    last = performance.now();
    run.stderr.write(`payonce: reconcile: ${text}\n`);
  };
}

function readSeconds(text: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number of seconds.');
}
