import { resolve } from 'node:path';
import type { Command } from 'commander';
import { readSettings } from '../../../base/config/index.ts';
import type { Db } from '../../../base/db/index.ts';
import {
  activateOperator,
  inviteOperator,
  listOperators,
  type Operator,
  ROLES,
  recoverOperator,
  resumeOperator,
  suspendOperator,
} from '../../../books/access/index.ts';
import { invitationUrl, localOrigin } from '../../public-url.ts';
import { CliEnd, EXIT, type Run } from '../context.ts';
import { orEnd, tenantNamed, withDatabase, withSources } from '../database-commands.ts';
import { printJson, printTable } from '../print.ts';
import { findDevFile, type SourceFlags } from '../sources.ts';

type Flags = SourceFlags & { json?: boolean };
type TenantFlags = Flags & { tenant: string };

const OWNER = { operatorId: null };
const LINK_LIFE_MS = 3_600_000;

/** For the installation's owner: whoever reaches the database decides alone. */
export function addOperatorCommands(program: Command, run: Run): void {
  const operators = program.command('operators').description('people who log in to the console');
  withSources(operators.command('list'))
    .description('list operators by tenant')
    .option('--tenant <name>', 'of one tenant')
    .action((flags: Flags & { tenant?: string }) =>
      withDatabase(run, flags, async (db) => {
        const of = flags.tenant === undefined ? {} : await tenantNamed(db, flags.tenant);
        const rows = (await listOperators(db, of)).map(shown);
        if (flags.json) return printJson(run.stdout, rows);
        const line = ({ roles, fingerprints, ...row }: (typeof rows)[number]) => ({
          ...row,
          ...{ roles: roles.join(','), fingerprints: fingerprints.join(',') },
        });
        printTable(run.stdout, rows.map(line));
      }),
    );
  addInvite(operators, run);
  addChanges(operators, run);
}

function addInvite(operators: Command, run: Run): void {
  withSources(operators.command('invite'))
    .description(
      'print a link, good once and for an hour, that registers a passkey; for an operator of the tenant who lost theirs, one that replaces them',
    )
    .argument('<name>', 'a-z 0-9 . _ @ + -, such as an e-mail address')
    .requiredOption('--tenant <name>', 'where they may do something')
    .option('--roles <list>', `comma list of ${ROLES.join(', ')}`, 'security-admin')
    .option('--url <origin>', 'where browsers reach the console, if not as the configuration says')
    .action((name: string, flags: TenantFlags & { roles: string; url?: string }) =>
      withDatabase(run, flags, async (db) => {
        const { tenantId } = await tenantNamed(db, flags.tenant);
        const origin = flags.url ?? originOf(run, flags);
        const known = (await listOperators(db, { tenantId })).find((one) => one.name === name);
        const roles = flags.roles.split(',').map((part) => part.trim());
        const by = { by: OWNER, lifeMs: LINK_LIFE_MS, tenantId };
        const { operator, invitation } = orEnd(
          known === undefined
            ? await inviteOperator(db, { ...by, name, roles })
            : await recoverOperator(db, { ...by, operatorId: known.operatorId }),
        );
        const url = invitation === null ? null : invitationUrl(origin, invitation.token);
        const expiresAt = invitation?.expiresAt.toISOString() ?? null;
        if (flags.json) return printJson(run.stdout, { ...shown(operator), url, expiresAt });
        const { roles: given } = operator;
        if (url !== null) run.stdout.write(`${url}\n`);
        const then =
          operator.state === 'pending'
            ? `waits: nobody has compared their passkey ${operator.fingerprints.join(', ')} with them, see payonce operators activate --help`
            : url === null
              ? 'logs in with their passkey'
              : `opens the link by ${expiresAt}`;
        run.stderr.write(`${name} (${given.join(', ')}) ${then}\n`);
      }),
    );
}

function addChanges(operators: Command, run: Run): void {
  const changes = [
    ['activate', 'make rights good that a security-admin gave', activateOperator],
    ['suspend', 'take all rights in a tenant away, at once', suspendOperator],
    ['resume', 'give them back', resumeOperator],
  ] as const;
  for (const [verb, description, change] of changes) {
    const command = withSources(operators.command(verb))
      .description(description)
      .argument('<name>')
      .requiredOption('--tenant <name>', 'in which tenant');
    if (verb === 'activate') {
      command.option('--fingerprint <text>', 'of the passkey that you compared with the person');
    }
    command.action(
      (name: string, { fingerprint, ...flags }: TenantFlags & { fingerprint?: string }) =>
        withDatabase(run, flags, async (db) => {
          const { tenantId, operatorId } = await operatorNamed(db, name, flags.tenant);
          const compared = fingerprint === undefined ? {} : { fingerprint };
          const at = { tenantId, operatorId, by: OWNER };
          const changed = orEnd(await change(db, { ...at, ...compared }));
          if (flags.json) return printJson(run.stdout, shown(changed));
          run.stdout.write(`${name} is ${changed.state} in ${flags.tenant}\n`);
        }),
    );
  }
}

async function operatorNamed(db: Db, name: string, tenant: string): Promise<Operator> {
  const { tenantId } = await tenantNamed(db, tenant);
  const found = (await listOperators(db, { tenantId })).find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new CliEnd(
    EXIT.usage,
    `there is no operator ${JSON.stringify(name)} in ${tenant}: see payonce operators list`,
  );
}

/** What the configuration says, or the local start. */
function originOf(run: Run, flags: SourceFlags): string {
  if (flags.config !== undefined) {
    const file = resolve(run.cwd, flags.config);
    const { http } = readSettings({ file, env: run.env, need: { signer: false } });
    return http.publicUrl ?? localOrigin(http.port);
  }
  const dev = findDevFile(run, flags.stateDir);
  if (dev?.consoleUrl != null) return new URL(dev.consoleUrl).origin;
  throw new CliEnd(EXIT.usage, 'where the console is reached is not known: give --url or --config');
}

function shown(operator: Operator) {
  const { operatorId: id, createdAt, ...rest } = operator;
  return { id, ...rest, createdAt: createdAt.toISOString() };
}
