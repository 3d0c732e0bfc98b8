import type { Command } from 'commander';
import { classify } from '../../../books/policy/index.ts';
import type { Run } from '../context.ts';
import { printJson, printTable } from '../print.ts';
import type { SourceFlags } from '../sources.ts';
import { readPolicyFile } from './check.ts';

export function addPolicyDiff(policy: Command, run: Run): void {
  policy
    .command('diff')
    .description('compare two policy documents: what tightens, and what loosens')
    .argument('<before>', 'YAML or JSON')
    .argument('<after>', 'YAML or JSON')
    .option('--config <file>', 'configuration file that names assets and chains')
    .option('--state-dir <dir>', 'folder of dev.json (default: .payonce here)')
    .option('--json', 'print JSON')
    .action((before: string, after: string, flags: SourceFlags & { json?: boolean }) => {
      const from = readPolicyFile(run, flags, before);
      const diff = classify(from, readPolicyFile(run, flags, after));
      if (flags.json) return printJson(run.stdout, diff);
      if (diff.differences.length > 0) {
        printTable(
          run.stdout,
          diff.differences.map(({ rule, field, effect, detail }) => {
            return { effect, rule, field: field === '' ? null : field, detail };
          }),
        );
      }
      run.stdout.write(`${after} against ${before}: ${diff.effect}\n`);
    });
}
