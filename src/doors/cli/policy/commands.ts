import type { Command } from 'commander';
import type { Run } from '../context.ts';
import { addPolicyApply } from './apply.ts';
import { addPolicyCheck } from './check.ts';
import { addPolicyDiff } from './diff.ts';
import { addPolicySimulate } from './simulate.ts';

export function addPolicyCommands(program: Command, run: Run): void {
  const policy = program.command('policy').description('what may be paid, and who has to be asked');
  addPolicyCheck(policy, run);
  addPolicyDiff(policy, run);
  addPolicySimulate(policy, run);
  addPolicyApply(policy, run);
}
