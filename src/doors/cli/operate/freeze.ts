import { type Command, Option } from 'commander';
import type { FreezeView } from '../../../roads/control/index.ts';
import type { Run } from '../context.ts';
import { printJson, printTable } from '../print.ts';
import { type ClientFlags, findApi, withApi } from '../sources.ts';

type Flags = ClientFlags & { json?: boolean };
type Said = Flags & { reason: string };

/** Stopping takes one key with the scope admin:freeze, going on two. */
export function addFreezeCommands(program: Command, run: Run): void {
  const freeze = withApi(program.command('freeze'));
  freeze
    .description('stop at once what is not signed yet; one person suffices')
    .argument('<scope>', 'global, chain, wallet, asset or tenant')
    .argument('[subject]', 'the id of the chain, wallet or asset')
    .requiredOption('--reason <text>', 'why; kept with the event')
    .action(async (scope: string, subject: string | undefined, flags: Said) => {
      const body = { scope, ...(subject === undefined ? {} : { subject }), reason: flags.reason };
      const client = findApi(run, flags, { admin: true });
      const answer = await client.request<FreezeView>({ method: 'POST', path: '/v1/freeze', body });
      if (flags.json) return printJson(run.stdout, answer.body);
      const stood = answer.status === 200 ? ' already' : '';
      run.stdout.write(`${named(answer.body)} is frozen${stood} (${answer.body.id})\n`);
    });
  addUnfreeze(program, run);
  addList(program, run);
}

function addUnfreeze(program: Command, run: Run): void {
  withApi(program.command('unfreeze'))
    .description('lift a freeze; the same reason by a second key does it')
    .argument('<freeze id>')
    .requiredOption('--reason <text>', 'why it is safe to go on')
    .action(async (id: string, flags: Said) => {
      const path = `/v1/freeze/${encodeURIComponent(id)}`;
      const body = { reason: flags.reason };
      const client = findApi(run, flags, { admin: true });
      const answer = await client.request<FreezeView>({ method: 'DELETE', path, body });
      if (flags.json) return printJson(run.stdout, answer.body);
      const told =
        answer.status === 202
          ? 'proposed: somebody else says the same with a key of their own'
          : `lifted; ${named(answer.body)} goes on unless another freeze covers it`;
      run.stdout.write(`freeze ${id}: ${told}\n`);
    });
}

function addList(program: Command, run: Run): void {
  withApi(program.command('freezes'))
    .description('list freezes, newest first')
    .addOption(new Option('--state <state>', 'only these').choices(['standing', 'lifted']))
    .action(async (flags: Flags & { state?: string }) => {
      const client = findApi(run, flags, { admin: true });
      const path = `/v1/freeze?limit=200${flags.state === undefined ? '' : `&state=${flags.state}`}`;
      const { body } = await client.request<{ freezes: FreezeView[] }>({ method: 'GET', path });
      if (flags.json) return printJson(run.stdout, body);
      printTable(
        run.stdout,
        body.freezes.map(({ id, scope, subject, reason, frozenAt, proposal, lifted }) => ({
          ...{ id, scope, subject, reason },
          frozen: frozenAt,
          'lift proposed by': lifted === null ? (proposal?.proposedBy ?? null) : null,
          lifted: lifted?.at ?? null,
        })),
      );
    });
}

function named({ scope, subject }: FreezeView): string {
  if (scope === 'global') return 'everything';
  return subject === null ? `the ${scope}` : `${scope} ${subject}`;
}
