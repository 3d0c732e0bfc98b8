import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineSql, projectRoot } from '../src/base/db/index.ts';
import { MACHINES } from '../src/base/kernel/index.ts';

// Writes what is generated from data in the code. Tests fail when a generated file is stale.
const root = projectRoot();

// The first shape of the machines; a later change of a machine is a migration of its own.
const machines = join(root, 'migrations/main/0004_machines.sql');
if (!existsSync(machines)) {
  const head = '-- min_code_version: 1\n-- Generated from src/base/kernel/machine.ts.\n\n';
  writeFileSync(machines, head + MACHINES.map(machineSql).join('\n'));
}
