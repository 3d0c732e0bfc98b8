import { type Command, InvalidArgumentError } from 'commander';
import { ROLES, type Role, type Run } from './context.ts';

type StartOptions = {
  port?: number;
  host?: string;
  stateDir?: string;
  fresh?: boolean;
  demo: boolean;
  roles: readonly Role[];
  config?: string;
};

export function addLocalCommands(program: Command, run: Run): void {
  program
    .command('start')
    .description('run everything here: PostgreSQL, a development chain, api, worker, signer')
    .option('--port <n>', 'port of the API (default: 8080, or that of the configuration)', readPort)
    .option('--host <name>', 'address that the API listens on (default: 127.0.0.1)')
    .option('--state-dir <dir>', "state folder (default: the project's .payonce)")
    .option('--fresh', 'delete the local state and begin anew')
    .option('--no-demo', 'without the demonstration withdrawal')
    .option('--roles <list>', `which processes, of ${ROLES.join(',')}`, readRoles, ROLES)
    .option('--config <file>', 'configuration file: its chains instead of a development chain')
    .action(async (options: StartOptions) => {
      const { port, host, stateDir, fresh, demo, roles, config } = options;
      const flags = { fresh: fresh ?? false, demo, roles, host: host ?? null };
      const files = { stateDir: stateDir ?? null, config: config ?? null };
      run.end(await run.doors.start({ ...flags, ...files, port: port ?? null }));
    });
  program
    .command('facilitator')
    .description('run an x402 facilitator, configured by environment variables (docs/x402.md)')
    .action(async () => run.end(await run.doors.facilitator()));
  program
    .command('bench')
    .description('measure this machine; arguments go to the bench')
    .argument('[args...]')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (args: string[]) => run.end(await run.doors.bench(args)));
}

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('It is a whole number from 0 (any free port) to 65535.');
}

function readRoles(text: string): readonly Role[] {
  const roles = text.split(',').map((role) => role.trim());
  const unknown = roles.find((role) => !(ROLES as readonly string[]).includes(role));
  if (unknown === undefined) return ROLES.filter((role) => roles.includes(role));
  throw new InvalidArgumentError(
    `There is no role ${JSON.stringify(unknown)}: a comma list of ${ROLES.join(', ')}.`,
  );
}
