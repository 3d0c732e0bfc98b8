import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { Assets, type Settings } from '../../../base/config/index.ts';
import type { Db } from '../../../base/db/index.ts';
import { ConfigurationError, formatAmount } from '../../../base/kernel/index.ts';
import { Ledger } from '../../../books/ledger/index.ts';
import { type LaneRow, readLanes } from '../../../books/tx/index.ts';
import {
  type Adoption,
  adoptAgain,
  pauseLane,
  readProposals,
  readWallets,
  resumeLane,
  shownAmount,
  type WalletView,
} from '../../../hands/treasury/index.ts';
import { CliEnd, EXIT, type Run } from '../context.ts';
import { orEnd, withDatabase, withSources } from '../database-commands.ts';
import { printJson, printTable } from '../print.ts';
import { findSettings, type SourceFlags } from '../sources.ts';
import { movesContext } from './moves.ts';

type Flags = SourceFlags & { json?: boolean };
type ChangeFlags = Flags & { reason: string };
type AdoptFlags = Flags & { reason?: string; force?: boolean };

const LANE = 'its number, its address, or chain id and address (8453:0x…)';

export function addLaneCommands(program: Command, run: Run): void {
  const lanes = program
    .command('lanes')
    .description('hot wallets: what they hold, whether they pay');
  withSources(lanes.command('list'))
    .description('list the lanes with nonces, funds and pauses')
    .action((flags: Flags) =>
      withDatabase(run, flags, async (db) => {
        const wallets = await readWallets(db, knownOf(run, flags), null);
        if (flags.json) printJson(run.stdout, wallets);
        else printTable(run.stdout, wallets.map(rowOf));
      }),
    );
  withSources(lanes.command('show'))
    .description('read one lane')
    .argument('<lane>', LANE)
    .action((name: string, flags: Flags) =>
      withDatabase(run, flags, async (db) => {
        const { laneId } = await laneNamed(db, name);
        printWallet(run, flags, await walletOf(run, flags, db, laneId));
      }),
    );
  addChange(
    lanes,
    run,
    'pause',
    'give no more slots on a lane; what is in flight goes on',
    pauseLane,
  );
  addChange(lanes, run, 'resume', 'give slots on a paused lane again', resumeLane);
  addAdopt(lanes, run);
  withSources(lanes.command('proposals'))
    .description('list what could be moved so that every lane has its minimums; moves nothing')
    .action((flags: Flags) => {
      const settings = findSettings(run, flags);
      return withDatabase(run, flags, async (db) => {
        const proposals = await readProposals(await movesContext(db, settings));
        const shown = proposals.map(({ from, to, ...amount }) => ({
          ...{ from: String(from), to: String(to), ...shownAmount(amount, settings) },
        }));
        if (flags.json) printJson(run.stdout, shown);
        else printTable(run.stdout, shown);
      });
    });
}

function addChange(
  lanes: Command,
  run: Run,
  name: 'pause' | 'resume',
  description: string,
  change: typeof pauseLane,
): void {
  withSources(lanes.command(name))
    .description(description)
    .argument('<lane>', LANE)
    .requiredOption('--reason <text>', 'why; kept with the event')
    .action((lane: string, flags: ChangeFlags) =>
      withDatabase(run, flags, async (db) => {
        const { laneId } = await laneNamed(db, lane);
        orEnd(await change(db, { laneId, by: whoami(), note: flags.reason }), EXIT.failed);
        printWallet(run, flags, await walletOf(run, flags, db, laneId));
      }),
    );
}

function addAdopt(lanes: Command, run: Run): void {
  withSources(lanes.command('adopt'))
    .description(
      'show what chain and books say of a closed lane; with a reason, book the difference and open it',
    )
    .argument('<lane>', LANE)
    .option('--reason <text>', 'why they differ, as evidence; without it nothing is changed')
    .option('--force', "although transactions of the wallet wait in the node's pool")
    .action((name: string, flags: AdoptFlags) => {
      const settings = findSettings(run, flags);
      return withDatabase(run, flags, async (db) => {
        const lane = await laneNamed(db, name);
        const adopted = await adopt(run, settings, db, lane, flags);
        if (flags.json) printJson(run.stdout, jsonOf(adopted));
        else printAdoption(run, settings, lane, adopted);
        if (adopted.plan.kind === 'unclear') run.end(EXIT.unavailable);
      });
    });
}

async function adopt(
  run: Run,
  settings: Settings,
  db: Db,
  lane: LaneRow,
  flags: AdoptFlags,
): Promise<Adoption> {
  const chain = settings.chains.find(({ chainId }) => chainId === lane.chainId);
  if (chain === undefined) {
    throw new ConfigurationError(`the configuration has no chain ${lane.chainId}`);
  }
  if (flags.force === true && flags.reason === undefined) {
    throw new CliEnd(EXIT.usage, '--force needs a --reason');
  }
  const { rows } = await db.query<{ id: string }>('SELECT installation_id AS id FROM installation');
  const context = {
    db,
    ledger: new Ledger(db),
    assets: new Assets(settings.assets),
    installationId: rows[0]!.id,
    chain,
    port: run.doors.portOf(chain),
  };
  const word =
    flags.reason === undefined
      ? null
      : { by: whoami(), note: flags.reason, forced: flags.force === true };
  return adoptAgain(context, lane, word);
}

/** Of an installation whose configuration is not named only the books are known: CAIP-19 ids and base units. */
function knownOf(run: Run, flags: SourceFlags): Pick<Settings, 'chains' | 'assets' | 'lanes'> {
  try {
    return findSettings(run, flags);
  } catch (error) {
    if (flags.config !== undefined || !(error instanceof ConfigurationError)) throw error;
    return { chains: [], assets: [], lanes: [] };
  }
}

async function laneNamed(db: Db, name: string): Promise<LaneRow> {
  const wanted = name.toLowerCase();
  const found = (await readLanes(db)).filter(({ laneId, chainId, address }) =>
    [String(laneId), address, `${chainId}:${address}`].includes(wanted),
  );
  if (found.length === 1) return found[0]!;
  throw new CliEnd(
    EXIT.usage,
    found.length === 0
      ? `there is no lane ${JSON.stringify(name)}: see payonce lanes list`
      : `${found.length} chains have a lane ${name}: name it by its number (${found.map((lane) => lane.laneId).join(', ')})`,
  );
}

async function walletOf(run: Run, flags: Flags, db: Db, laneId: number): Promise<WalletView> {
  const wallets = await readWallets(db, knownOf(run, flags), null);
  return wallets.find(({ id }) => id === String(laneId))!;
}

function whoami(): string {
  return `${userInfo().username} at the command line`;
}

function rowOf(wallet: WalletView): Record<string, string> {
  return {
    lane: wallet.id,
    chain: wallet.chain ?? String(wallet.chainId),
    address: wallet.address,
    next: wallet.nonces.next,
    'in flight': String(wallet.inFlight),
    paused: wallet.paused?.reason ?? (wallet.retired ? 'retired' : '-'),
    low: wallet.low.map(({ asset }) => asset).join(', ') || '-',
    available: wallet.balances.map(({ asset, available }) => `${available} ${asset}`).join(', '),
  };
}

function printWallet(run: Run, flags: Flags, wallet: WalletView): void {
  if (flags.json) {
    printJson(run.stdout, wallet);
    return;
  }
  printTable(run.stdout, [rowOf(wallet)]);
  const { paused } = wallet;
  if (paused === null) return;
  const by = paused.by === null ? '' : ` by ${paused.by}: ${paused.note}`;
  run.stdout.write(`paused since ${paused.since} (${paused.reason})${by}\n`);
}

function printAdoption(
  run: Run,
  settings: Settings,
  lane: LaneRow,
  { facts, plan, done }: Adoption,
): void {
  const { counts, use } = facts;
  const assets = new Assets(settings.assets);
  const amount = (asset: string, units: bigint) => {
    const known = assets.find(asset);
    return known === undefined ? `${units} units` : formatAmount(units, known.decimals);
  };
  run.stdout.write(
    `lane ${lane.laneId} ${lane.address}: paused (${lane.pausedReason ?? 'no'}), next nonce ${lane.nextNonce}; the chain has consumed below ${counts.finalized} finally, ${counts.latest} at its latest block, ${counts.pending} with its pool\n`,
  );
  for (const { nonce, txHash, blockNumber, did } of use.foreign) {
    run.stdout.write(
      `not ours: nonce ${nonce}, ${txHash}, block ${blockNumber}: ${JSON.stringify(did)}\n`,
    );
  }
  printTable(
    run.stdout,
    facts.balances.map(({ asset, held, booked }) => ({
      asset: assets.find(asset)?.id ?? asset,
      'on the chain': amount(asset, held),
      'by the books': amount(asset, booked),
      difference: signed(held - booked, (units) => amount(asset, units)),
    })),
  );
  if (plan.kind === 'unclear') {
    for (const { what, forceable } of plan.obstacles) {
      run.stdout.write(`not clear: ${what}${forceable ? ' (--force)' : ''}\n`);
    }
  } else if (plan.kind === 'fill') {
    const nonces = plan.gaps.join(', ');
    run.stdout.write(
      done
        ? `self-transfers are ordered for the nonces ${nonces}; when they are final, adopt again\n`
        : `the nonces ${nonces} have no transaction: with --reason self-transfers close them\n`,
    );
  } else {
    run.stdout.write(
      done
        ? `the lane is open and goes on at nonce ${plan.nextNonce}\n`
        : `with --reason the difference is booked and the lane goes on at nonce ${plan.nextNonce}\n`,
    );
  }
}

function signed(units: bigint, format: (units: bigint) => string): string {
  if (units === 0n) return '-';
  return units < 0n ? `-${format(-units)} (to suspense)` : `+${format(units)} (funds)`;
}

/** Amounts and nonces as text. */
function jsonOf(adopted: Adoption): unknown {
  return JSON.parse(
    JSON.stringify(adopted, (_, value) => (typeof value === 'bigint' ? value.toString() : value)),
  );
}
