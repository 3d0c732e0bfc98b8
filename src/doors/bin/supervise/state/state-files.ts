import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from '../../../dev/index.ts';

/** The supervisor's own files of a state folder, readable by its owner only. */
const FILES = {
  keys: 'keys.json',
  merchants: 'merchants.json',
  ports: 'ports.json',
  processes: 'processes.json',
  config: 'config.yaml',
  /** Where a configuration without `signer.witness.file` has it: beside itself. */
  witness: 'payonce.witness',
  auditKey: 'audit.pem',
  anchors: 'audit.anchors',
} as const;

export type StateFile = {
  keys: { tenant: string; apiKey: string; adminApiKey: string };
  /** The key of each merchant of the configuration, by tenant/name. */
  merchants: Record<string, string>;
  /** Of the last start: the next one takes the same where it can. */
  ports: { postgres?: number; anvil?: number };
  /** What a supervisor that was killed left behind. */
  processes: ProcessIdentity[];
};

export function statePath(stateDir: string, name: keyof typeof FILES): string {
  return join(stateDir, FILES[name]);
}

/** Null when there is none, or none that can be read. */
export function readState<Name extends keyof StateFile>(
  stateDir: string,
  name: Name,
): StateFile[Name] | null {
  try {
    return JSON.parse(readFileSync(statePath(stateDir, name), 'utf8')) as StateFile[Name];
  } catch {
    return null;
  }
}

export function writeState<Name extends keyof StateFile>(
  stateDir: string,
  name: Name,
  value: StateFile[Name],
): void {
  writePrivate(statePath(stateDir, name), `${JSON.stringify(value)}\n`);
}

/** By rename: a reader sees the old or the new text, and a crash leaves one of them. */
export function writePrivate(file: string, text: string): void {
  const partial = `${file}.partial`;
  rmSync(partial, { force: true });
  writeFileSync(partial, text, { mode: 0o600 });
  renameSync(partial, file);
}

export function removeStateFiles(stateDir: string): void {
  for (const file of Object.values(FILES)) rmSync(join(stateDir, file), { force: true });
}
