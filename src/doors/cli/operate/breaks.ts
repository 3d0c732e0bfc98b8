import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BreakView } from '../../../roads/reconcile/index.ts';
import type { Run } from '../context.ts';
import { printJson, printTable } from '../print.ts';
import { type ClientFlags, findApi, withApi } from '../sources.ts';

type Flags = ClientFlags & { json?: boolean };
type Said = Flags & { evidence: string };
type Adjustment = { asset: string; amount: string; movement: string };

/** What waits for two persons. Each gives a key of their own, with the scope admin. */
export function addBreakCommands(program: Command, run: Run): void {
  const breaks = program
    .command('breaks')
    .description('what the chain shows and the books can not explain');
  addList(breaks, run);
  addShow(breaks, run);
  addResolve(breaks, run);
}

function addList(breaks: Command, run: Run): void {
  withApi(breaks.command('list'))
    .description('list breaks, newest first')
    .addOption(new Option('--state <state>', 'only these').choices(['open', 'resolved']))
    .action(async (flags: Flags & { state?: string }) => {
      const client = findApi(run, flags, { admin: true });
      const path = `/v1/reconciliation/breaks?limit=200${flags.state === undefined ? '' : `&state=${flags.state}`}`;
      const { body } = await client.request<{ breaks: BreakView[] }>({ method: 'GET', path });
      if (flags.json) return printJson(run.stdout, body);
      printTable(
        run.stdout,
        body.breaks.map(({ id, kind, state, chain, withdrawalId, openedAt }) => ({
          ...{ id, kind, state, chain },
          withdrawal: withdrawalId,
          opened: openedAt,
        })),
      );
    });
}

function addShow(breaks: Command, run: Run): void {
  withApi(breaks.command('show'))
    .description('read a break, with what was said and decided about it')
    .argument('<id>')
    .action(async (id: string, flags: Flags) => {
      const path = `/v1/reconciliation/breaks/${encodeURIComponent(id)}`;
      const client = findApi(run, flags, { admin: true });
      printJson(run.stdout, (await client.request<BreakView>({ method: 'GET', path })).body);
    });
}

function addResolve(breaks: Command, run: Run): void {
  withApi(breaks.command('resolve'))
    .description('say how a break is to be resolved; the same by a second key does it')
    .argument('<id>')
    .addOption(
      new Option('--action <action>', 'what is to be done')
        .choices(['commit', 'release', 'reverse', 'adjust'])
        .makeOptionMandatory(),
    )
    .requiredOption('--evidence <text>', 'why, with links to what shows it')
    .option(
      '--adjust <asset:amount:movement>',
      'with adjust, as often as needed: USDC:1.5:left or :arrived',
      readAdjustment,
    )
    .action(async (id: string, flags: Said & { action: string; adjust?: Adjustment[] }) => {
      const { action, evidence } = flags;
      const adjustments = flags.adjust ?? (action === 'adjust' ? [] : undefined);
      const path = `/v1/reconciliation/breaks/${encodeURIComponent(id)}/resolve`;
      const body = { action, evidence, ...(adjustments === undefined ? {} : { adjustments }) };
      const client = findApi(run, flags, { admin: true });
      const answer = await client.request<BreakView>({ method: 'POST', path, body });
      if (flags.json) return printJson(run.stdout, answer.body);
      const told =
        answer.status === 202
          ? 'proposed: somebody else says the same with a key of their own'
          : `${action} is done; the break is ${answer.body.state}`;
      run.stdout.write(`break ${id}: ${told}\n`);
    });
}

function readAdjustment(text: string, before: Adjustment[] = []): Adjustment[] {
  const parts = /^(.+):([0-9.]+):(left|arrived)$/.exec(text);
  if (parts === null)
    throw new InvalidArgumentError('It is like USDC:1.5:left or ETH:0.01:arrived.');
  return [...before, { asset: parts[1]!, amount: parts[2]!, movement: parts[3]! }];
}
