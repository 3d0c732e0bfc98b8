import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DEVELOPMENT_CHAIN_ID } from '../../../../base/config/index.ts';
import { ConfigurationError } from '../../../../base/kernel/index.ts';
import { endProcess, wipeState } from '../../../dev/index.ts';
import type { Terminal } from '../terminal.ts';
import { readState, removeStateFiles } from './state-files.ts';

/** A process that lost its supervisor ends by itself within two seconds. */
const LEFTOVER_STEPS = [
  { signal: 'SIGTERM', waitMs: 3_000 },
  { signal: 'SIGKILL', waitMs: 1_000 },
] as const;

/**
 * Ends api, worker and signer of a supervisor that was killed: two signers or ports would collide. Returns
 * the pids that they had.
 */
export async function endLeftovers(stateDir: string): Promise<number[]> {
  const left = readState(stateDir, 'processes') ?? [];
  const ended = await Promise.all(left.map((identity) => endProcess(identity, LEFTOVER_STEPS)));
  return left.flatMap(({ pid }, index) => (ended[index] ? [pid] : []));
}

/** Deletes the local state. Databases that were named, not started here, are not ours to delete. */
export async function beginAnew(
  stateDir: string,
  named: boolean,
  terminal: Terminal,
): Promise<void> {
  if (named) {
    throw new ConfigurationError(
      '--fresh would have to delete databases that this start did not make: drop and create them yourself, or unset DATABASE_URL and SIGNER_DATABASE_URL',
    );
  }
  await terminal.step(
    'deleting the local state',
    async () => {
      await wipeState(stateDir, [DEVELOPMENT_CHAIN_ID]);
      removeStateFiles(stateDir);
      rmSync(join(stateDir, 'logs'), { recursive: true, force: true });
    },
    () => 'the local state is deleted',
  );
}
