import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Settings } from '../../../base/config/index.ts';
import { ConfigurationError, type Hex, systemClock } from '../../../base/kernel/index.ts';
import type { Trusted } from '../../../books/audit/index.ts';
import { anchorOf } from '../../../hands/anchor/index.ts';
import type { Run } from '../context.ts';
import { findSettings, type SourceFlags } from '../sources.ts';

type Flags = SourceFlags & { auditKey?: Hex[]; anchor?: string };

export const AUDIT_KEY =
  'a public key of audit blocks, 0x and 64 hex digits, once for each (default: as configured)';

export function readAuditKeys(text: string, before: Hex[] = []): Hex[] {
  if (/^0x[0-9a-fA-F]{64}$/.test(text)) return [...before, text.toLowerCase() as Hex];
  throw new InvalidArgumentError('It is a raw Ed25519 public key: 0x and 64 hex digits.');
}

/** From outside of the database: the flags, or the configuration where they name none. */
export async function trustedOf(run: Run, flags: Flags): Promise<Trusted> {
  const configured = flags.auditKey === undefined ? auditOf(run, flags) : null;
  const named = flags.anchor === undefined ? configured?.anchor : fileAt(run, flags.anchor);
  return {
    publicKeys: trustedKeysOf(run, flags),
    anchored: named ? await anchorOf(named, { clock: systemClock }).read() : [],
  };
}

const fileAt = (run: Run, path: string) =>
  ({ kind: 'file', path: resolve(run.cwd, path) }) as const;

export function trustedKeysOf(run: Run, flags: Flags): readonly Hex[] {
  return flags.auditKey ?? auditOf(run, flags).publicKeys;
}

function auditOf(run: Run, flags: Flags): NonNullable<Settings['audit']> {
  const { audit } = findSettings(run, flags);
  if (audit !== null) return audit;
  throw new ConfigurationError(
    'no public key of audit blocks is named: give --audit-key, or a configuration with audit.publicKeys',
  );
}
