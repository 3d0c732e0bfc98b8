import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { dbErrorKind, projectRoot } from '../../base/db/index.ts';
import {
  ConfigurationError,
  messageOf,
  Transient,
  UnknownOutcome,
} from '../../base/kernel/index.ts';
import { ApiProblem } from './api-client.ts';
import { addApprove } from './approve/command.ts';
import { type CliContext, CliEnd, EXIT, type ExitCode, type Run } from './context.ts';
import { addDatabaseCommands } from './database-commands.ts';
import { addLocalCommands } from './local-commands.ts';
import { addBreakCommands } from './operate/breaks.ts';
import { addChains } from './operate/chains.ts';
import { addCronCommands } from './operate/cron.ts';
import { addFreezeCommands } from './operate/freeze.ts';
import { addKeyCommands } from './operate/keys.ts';
import { addLaneCommands } from './operate/lanes.ts';
import { addOperatorCommands } from './operate/operators.ts';
import { addPriceCommands } from './operate/price.ts';
import { addRefund } from './operate/refund.ts';
import { addUsage } from './operate/usage.ts';
import { addPaymentCommands } from './payment-commands.ts';
import { addPolicyCommands } from './policy/commands.ts';
import { addEvidenceCommands } from './verify/evidence-commands.ts';
import { addVerify } from './verify/verify-command.ts';

/**
 * Runs one command line (without the program's own name) to its exit code: 0 well, 1 the withdrawal
 * failed or verify found a break, 2 usage or configuration, 3 not reachable, busy, timed out or a law not checked. Never
 * throws.
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  let exitCode: number = EXIT.well;
  const run: Run = {
    ...context,
    end: (code) => {
      exitCode = code;
    },
  };
  try {
    await buildProgram(run).parseAsync([...argv], { from: 'user' });
  } catch (error) {
    const { code, text } = judgeError(error);
    for (const line of text === '' ? [] : text.split('\n'))
      context.stderr.write(`payonce: ${line}\n`);
    return code;
  }
  return exitCode;
}

function buildProgram(run: Run): Command {
  const program = new Command('payonce')
    .description(
      'Self-hosted withdrawals on EVM chains: the same payment retried a hundred times moves money once.',
    )
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .configureOutput({
      writeOut: (text) => void run.stdout.write(text),
      writeErr: (text) => void run.stderr.write(text),
      outputError: () => {},
    });
  addLocalCommands(program, run);
  addDatabaseCommands(program, run);
  addKeyCommands(program, run);
  addOperatorCommands(program, run);
  addVerify(program, run);
  addEvidenceCommands(program, run);
  addLaneCommands(program, run);
  addCronCommands(program, run);
  addPolicyCommands(program, run);
  addPaymentCommands(program, run);
  addPriceCommands(program, run);
  addRefund(program, run);
  addUsage(program, run);
  addChains(program, run);
  addBreakCommands(program, run);
  addFreezeCommands(program, run);
  addApprove(program, run);
  program.addHelpText(
    'after',
    '\nExit codes: 0 well · 1 the withdrawal failed, or verify found a break · 2 usage or configuration · 3 not reachable, busy, timed out, or a law could not be checked',
  );
  throwUsageErrors(program);
  return program;
}

function version(): string {
  const text = readFileSync(join(projectRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** A fault of usage names the command that it belongs to. */
class UsageError extends Error {
  readonly command: Command;
  constructor(command: Command, cause: CommanderError) {
    super(cause.message.replace(/^error: /, '').replaceAll('\n', ' '), { cause });
    this.command = command;
  }
}

function throwUsageErrors(command: Command): void {
  command.exitOverride((error) => {
    throw error.exitCode === 0 || error.code === 'commander.help'
      ? error
      : new UsageError(command, error);
  });
  for (const child of command.commands) throwUsageErrors(child);
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function judgeError(error: unknown): { code: ExitCode; text: string } {
  if (error instanceof UsageError) {
    const path = pathOf(error.command);
    const usage = `${path} ${error.command.usage()}`;
    return { code: EXIT.usage, text: `${error.message}; usage: ${usage} (see ${path} --help)` };
  }
  // Help and version were printed; help that nobody asked for is a fault of usage.
  if (error instanceof CommanderError) {
    return { code: error.exitCode === 0 ? EXIT.well : EXIT.usage, text: '' };
  }
  if (error instanceof CliEnd) return { code: error.exitCode, text: error.message };
  // One line per fault of a configuration file.
  if (error instanceof ConfigurationError) return { code: EXIT.usage, text: error.message };
  if (error instanceof ApiProblem) return judgeProblem(error);
  if (error instanceof UnknownOutcome || error instanceof Transient) {
    return { code: EXIT.unavailable, text: oneLine(error.message) };
  }
  return judgeDatabaseError(error);
}

function judgeProblem(problem: ApiProblem): { code: ExitCode; text: string } {
  const text = oneLine(problem.message);
  if (problem.status >= 500 || problem.status === 429) return { code: EXIT.unavailable, text };
  // 409 and 422 are the withdrawal's own fate; the rest is how it was asked for.
  const failed = problem.status === 409 || problem.status === 422;
  return { code: failed ? EXIT.failed : EXIT.usage, text };
}

function judgeDatabaseError(error: unknown): { code: ExitCode; text: string } {
  const code = String((error as { code?: unknown } | null)?.code ?? '');
  // Connecting to a name with several addresses fails with several errors and no message.
  const told = oneLine(messageOf(error)) || code || 'it said nothing';
  if (dbErrorKind(error) === 'lost') {
    return {
      code: EXIT.unavailable,
      text: `the database did not answer (${told}): is it running?`,
    };
  }
  if (code === '42P01') {
    return { code: EXIT.usage, text: `the database has no schema (${told}): run payonce migrate` };
  }
  if (/^(28|3D)/.test(code)) {
    return { code: EXIT.usage, text: `the database refused (${told}): mend its URL` };
  }
  return { code: EXIT.unavailable, text: told };
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ');
}
