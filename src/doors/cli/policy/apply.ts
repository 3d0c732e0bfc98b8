import type { Command } from 'commander';
import type { PolicyChangeView } from '../../../roads/control/index.ts';
import type { Run } from '../context.ts';
import { printJson, printTable } from '../print.ts';
import { type ClientFlags, findApi, withApi } from '../sources.ts';
import { textOf } from './check.ts';

type Flags = ClientFlags & { json?: boolean };

/** The way of a document to rule: two keys with the scope admin:policy, and one to stop it. */
export function addPolicyApply(policy: Command, run: Run): void {
  withApi(policy.command('apply'))
    .description('draft and propose a document; somebody else confirms it')
    .argument('<file>', 'YAML or JSON')
    .requiredOption('--reason <text>', 'why; kept')
    .action(async (file: string, flags: Flags & { reason: string }) => {
      const client = findApi(run, flags, { admin: true });
      const body = { document: textOf(run, file), reason: flags.reason };
      const path = '/v1/policies';
      const drafted = await client.request<PolicyChangeView>({ method: 'POST', path, body });
      const { id } = drafted.body;
      const change = await client.request<PolicyChangeView>({
        method: 'POST',
        path: `${path}/${id}/propose`,
      });
      tell(run, flags, change.body);
    });
  withApi(policy.command('confirm'))
    .description('confirm what another person proposed')
    .argument('<id>')
    .action(async (id: string, flags: Flags) => step(run, flags, id, 'confirm'));
  withApi(policy.command('veto'))
    .description('stop a change that does not rule yet; one person suffices')
    .argument('<id>')
    .requiredOption('--reason <text>', 'why; kept')
    .action(async (id: string, flags: Flags & { reason: string }) =>
      step(run, flags, id, 'veto', { reason: flags.reason }),
    );
  addList(policy, run);
}

function addList(policy: Command, run: Run): void {
  withApi(policy.command('list'))
    .description('list the changes of the policy, newest first')
    .action(async (flags: Flags) => {
      const client = findApi(run, flags, { admin: true });
      const path = '/v1/policies?limit=200';
      const { body } = await client.request<{ policies: PolicyChangeView[] }>({
        ...{ method: 'GET', path },
      });
      if (flags.json) return printJson(run.stdout, body);
      printTable(
        run.stdout,
        body.policies.map(({ id, status, effect, version, effectiveAt, reason }) => ({
          ...{ id, status, effect, version: version.slice(0, 'policy:'.length + 12) },
          'effective at': effectiveAt,
          reason,
        })),
      );
    });
}

async function step(
  run: Run,
  flags: Flags,
  id: string,
  verb: string,
  body?: object,
): Promise<void> {
  const client = findApi(run, flags, { admin: true });
  const path = `/v1/policies/${encodeURIComponent(id)}/${verb}`;
  const more = body === undefined ? {} : { body };
  tell(
    run,
    flags,
    (await client.request<PolicyChangeView>({ method: 'POST', path, ...more })).body,
  );
}

function tell(run: Run, flags: Flags, change: PolicyChangeView): void {
  if (flags.json) return void printJson(run.stdout, change);
  const { id, effect, status, differences, effectiveAt } = change;
  if (status === 'PROPOSED' && differences.length > 0) {
    printTable(
      run.stdout,
      differences.map(({ rule, field, effect: what, detail }) => {
        return { effect: what, rule, field: field === '' ? null : field, detail };
      }),
    );
  }
  const then =
    status === 'SCHEDULED'
      ? `rules from ${effectiveAt} on unless it is vetoed`
      : status === 'EFFECTIVE'
        ? 'rules now'
        : status === 'PROPOSED'
          ? 'proposed: somebody else confirms it with a key of their own'
          : status;
  run.stdout.write(`policy ${id} (${effect}): ${then}\n`);
}
