import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { describeSettings, readSettings } from '../../base/config/index.ts';
import { type Db, type MigrationDatabase, migrate, openPool } from '../../base/db/index.ts';
import { isRefusal, type Refusal } from '../../base/kernel/index.ts';
import { createTenant, findTenant, listTenants, type Tenant } from '../../books/access/index.ts';
import { CliEnd, EXIT, type ExitCode, type Run } from './context.ts';
import { printJson, printTable, sentence } from './print.ts';
import { findDatabases, type SourceFlags } from './sources.ts';

type Flags = SourceFlags & { json?: boolean };

export function addDatabaseCommands(program: Command, run: Run): void {
  addMigrate(program, run);
  addConfig(program, run);
  const tenant = program.command('tenant').description('sets of books');
  addTenantCommands(tenant, run);
}

export function withSources(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file that names the databases')
    .option('--state-dir <dir>', 'folder of dev.json (default: .payonce here)')
    .option('--json', 'print JSON');
}

function addMigrate(program: Command, run: Run): void {
  const only = new Option('--database <name>', 'one of the two alone').choices(['main', 'signer']);
  withSources(program.command('migrate'))
    .description('bring the schema of both databases up to date')
    .addOption(only)
    .action(async (flags: Flags & { database?: MigrationDatabase }) => {
      const urls = findDatabases(run, flags, { signer: flags.database !== 'main' });
      const applied: Partial<Record<MigrationDatabase, string[]>> = {};
      for (const database of ['main', 'signer'] as const) {
        if (flags.database !== undefined && flags.database !== database) continue;
        const url = database === 'main' ? urls.url : urls.signerUrl!;
        const names = await migrate(url, database);
        applied[database] = names;
        if (flags.json) continue;
        for (const name of names) run.stdout.write(`${database}: applied ${name}\n`);
        if (names.length === 0) run.stdout.write(`${database}: nothing to apply\n`);
      }
      if (flags.json) printJson(run.stdout, applied);
    });
}

function addConfig(program: Command, run: Run): void {
  program
    .command('config')
    .description('configuration files')
    .command('check')
    .description('check a configuration file and print what it means, without secrets')
    .argument('<file>')
    .option('--no-signer', "as a process that has no right to the signer's secrets")
    .option('--json', 'print JSON')
    .action((file: string, flags: { signer: boolean; json?: boolean }) => {
      const need = { signer: flags.signer };
      const settings = readSettings({ file: resolve(run.cwd, file), env: run.env, need });
      if (flags.json) return printJson(run.stdout, describeSettings(settings));
      const { chains, assets, lanes } = settings;
      run.stdout.write(
        `${file} is well: chains ${names(chains)}; assets ${names(assets)}; ${lanes.length} lanes; policy ${settings.policyVersion}\n`,
      );
    });
}

const names = (list: readonly { id: string }[]) => list.map(({ id }) => id).join(', ');

/** As the application's role: the command has no more rights than the processes. */
export async function withDatabase<T>(
  run: Run,
  flags: SourceFlags,
  work: (db: Db) => Promise<T>,
): Promise<T> {
  const { url } = findDatabases(run, flags, { signer: false });
  const db = openPool({ url, role: 'payonce_app', name: 'payonce-cli', max: 1 });
  try {
    return await work(db);
  } finally {
    await db.end();
  }
}

export function orEnd<T>(answer: T | Refusal, exitCode: ExitCode = EXIT.usage): T {
  if (!isRefusal(answer)) return answer;
  throw new CliEnd(exitCode, sentence(answer));
}

function addTenantCommands(tenant: Command, run: Run): void {
  const shown = ({ tenantId, name, createdAt }: Tenant) => ({
    id: tenantId,
    name,
    createdAt: createdAt.toISOString(),
  });
  withSources(tenant.command('create'))
    .description('make a set of books')
    .argument('<name>')
    .action((name: string, flags: Flags) =>
      withDatabase(run, flags, async (db) => {
        const made = orEnd(await createTenant(db, { name }));
        if (flags.json) printJson(run.stdout, shown(made));
        else run.stdout.write(`tenant ${made.name} made, id ${made.tenantId}\n`);
      }),
    );
  withSources(tenant.command('list'))
    .description('list the sets of books')
    .action((flags: Flags) =>
      withDatabase(run, flags, async (db) => {
        const rows = (await listTenants(db)).map(shown);
        if (flags.json) printJson(run.stdout, rows);
        else printTable(run.stdout, rows);
      }),
    );
}

export async function tenantNamed(db: Db, name: string): Promise<Tenant> {
  const found = await findTenant(db, { name });
  if (found !== null) return found;
  throw new CliEnd(
    EXIT.usage,
    `there is no tenant ${JSON.stringify(name)}: make it with payonce tenant create, or see payonce tenant list`,
  );
}
