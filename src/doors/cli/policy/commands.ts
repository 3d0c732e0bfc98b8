import type { Command } from 'commander';
import type { Run } from '../context.ts';
import { addPolicyCheck } from './check.ts';

export function addPolicyCommands(program: Command, run: Run): void {
  const policy = program.command('policy').description('what may be paid, and who has to be asked');
  addPolicyCheck(policy, run);
}
