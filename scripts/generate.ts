import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { machineSql, projectRoot } from '../src/base/db/index.ts';
import { TX, WITHDRAWAL } from '../src/base/kernel/index.ts';
import { removePostgres, startPostgres } from '../src/doors/dev/index.ts';
import { generatedDocs } from './generated-docs.ts';
import { writeSchemaPicture } from './schema-picture.ts';

// Writes what is generated from data in the code. Tests fail when a generated file is stale.
const root = projectRoot();

// The first shape of the machines; a later change of a machine is a migration of its own.
const machines = join(root, 'migrations/main/0004_machines.sql');
if (!existsSync(machines)) {
  const head = '-- min_code_version: 1\n-- Generated from src/base/kernel/machine.ts.\n\n';
  writeFileSync(machines, head + [WITHDRAWAL, TX].map(machineSql).join('\n'));
}

for (const [path, text] of generatedDocs()) writeFileSync(join(root, path), text);

// The picture of the schema needs a server: TEST_DATABASE_URL's, or one of its own for the moment.
const external = process.env['TEST_DATABASE_URL'];
if (external !== undefined) await writeSchemaPicture(external);
else {
  const stateDir = mkdtempSync(join(tmpdir(), 'payonce-generate-'));
  const server = await startPostgres({ stateDir });
  try {
    await writeSchemaPicture(server.url('postgres'));
  } finally {
    await server.stop();
    await removePostgres(stateDir);
    rmSync(stateDir, { recursive: true, force: true });
  }
}
