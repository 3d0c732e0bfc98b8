import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { RpcClient } from '../../../base/chain/index.ts';
import { type Hex, isUuid, messageOf } from '../../../base/kernel/index.ts';
import {
  checkEvidence,
  exportEvidence,
  recheckChain,
  type Statement,
} from '../../../roads/evidence/index.ts';
import { CliEnd, EXIT, type Run } from '../context.ts';
import { withDatabase, withSources } from '../database-commands.ts';
import { printJson } from '../print.ts';
import type { SourceFlags } from '../sources.ts';
import { AUDIT_KEY, readAuditKeys, trustedKeysOf } from './audit-trust.ts';

type CheckFlags = SourceFlags & { json?: boolean; auditKey?: Hex[]; rpc?: string };

export function addEvidenceCommands(program: Command, run: Run): void {
  const evidence = program.command('evidence').description('all about one withdrawal, in a file');
  withSources(evidence.command('export'))
    .description('write the evidence of a withdrawal')
    .argument('<withdrawal id>')
    .requiredOption('--out <file>', 'the file to write')
    .action((id: string, flags: SourceFlags & { out: string }) =>
      withDatabase(run, flags, async (db) => {
        const withdrawalId = id.toLowerCase();
        const text = isUuid(withdrawalId)
          ? await exportEvidence(db, { withdrawalId, tenantId: null })
          : null;
        if (text === null) throw new CliEnd(EXIT.usage, `there is no withdrawal ${id}`);
        writeFile(resolve(run.cwd, flags.out), text);
        run.stdout.write(`${flags.out}: the evidence of withdrawal ${withdrawalId}\n`);
      }),
    );
  withSources(evidence.command('check'))
    .description('check such a file, without database and network')
    .argument('<file>')
    .option('--audit-key <key>', AUDIT_KEY, readAuditKeys)
    .option('--rpc <url>', 'a node that is asked whether it has what was mined')
    .action(async (file: string, flags: CheckFlags) => {
      const verdict = await checkEvidence(
        readFile(resolve(run.cwd, file)),
        trustedKeysOf(run, flags),
      );
      const { statements } = verdict;
      if (flags.rpc !== undefined) {
        statements.push(...(await recheckChain(new RpcClient({ url: flags.rpc }), verdict)));
      }
      if (flags.json) printJson(run.stdout, statements);
      else printStatements(run, statements);
      const untrue = statements.find(({ holds }) => !holds);
      if (untrue !== undefined) {
        throw new CliEnd(EXIT.failed, `untrue: ${untrue.what} (${untrue.detail})`);
      }
    });
}

function writeFile(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o600 });
  } catch (error) {
    throw new CliEnd(EXIT.usage, `${path} can not be written: ${messageOf(error)}`);
  }
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliEnd(EXIT.usage, `${path} can not be read: ${messageOf(error)}`);
  }
}

function printStatements(run: Run, statements: readonly Statement[]): void {
  for (const { what, holds, detail } of statements) {
    run.stdout.write(`${holds ? 'true  ' : 'UNTRUE'}  ${what}: ${detail}\n`);
  }
}
