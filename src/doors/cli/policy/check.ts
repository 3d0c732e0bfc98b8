import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ConfigurationError, messageOf } from '../../../base/kernel/index.ts';
import {
  type Policy,
  policyVersion,
  policyWorld,
  readPolicy,
  tellPolicyFault,
} from '../../../books/policy/index.ts';
import type { Run } from '../context.ts';
import { printJson } from '../print.ts';
import { findSettings, type SourceFlags } from '../sources.ts';

export function addPolicyCheck(policy: Command, run: Run): void {
  policy
    .command('check')
    .description('check a policy document against the configuration; tells all faults at once')
    .argument('<file>', 'YAML or JSON')
    .option('--config <file>', 'configuration file that names assets and chains')
    .option('--state-dir <dir>', 'folder of dev.json (default: .payonce here)')
    .option('--json', 'print JSON')
    .action((file: string, flags: SourceFlags & { json?: boolean }) => {
      const read = readPolicyFile(run, flags, file);
      const version = policyVersion(read);
      if (flags.json) return printJson(run.stdout, { version, rules: read.rules.length });
      run.stdout.write(`${file} is well: ${read.rules.length} rules; version ${version}\n`);
    });
}

/** Throws ConfigurationError with one line per fault. */
export function readPolicyFile(run: Run, flags: SourceFlags, file: string): Policy {
  const world = policyWorld(findSettings(run, flags));
  const { policy, faults } = readPolicy(textOf(run, file), world);
  if (policy !== null) return policy;
  throw new ConfigurationError(
    faults.map((fault) => `${file}: ${tellPolicyFault(fault)}`).join('\n'),
  );
}

export function textOf(run: Run, file: string): string {
  try {
    return readFileSync(resolve(run.cwd, file), 'utf8');
  } catch (error) {
    throw new ConfigurationError(`${file} can not be read: ${messageOf(error)}`);
  }
}
