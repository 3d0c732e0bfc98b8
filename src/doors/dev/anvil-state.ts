import { readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { copyFile, open, rename } from 'node:fs/promises';
import { systemClock } from '../../base/kernel/index.ts';

/** The file that anvil writes, and copies of what it wrote before. */
export type StateFiles = { state: string; copy: string; older: string };

/** What a chain begins with: its saved state, an older copy of it, or nothing. */
export type SavedState = 'saved' | 'older' | 'empty';

const COPY_EVERY_MS = 1_000;

/** Puts the newest sound state in its place; one that is whole and not sound only where there is no other. */
export function chooseState(files: StateFiles): SavedState {
  const found = readState(files.state);
  if (found === 'sound') return 'saved';
  for (const copy of [files.copy, files.older]) {
    if (readState(copy) !== 'sound') continue;
    renameSync(copy, files.state);
    return 'older';
  }
  if (found === 'torn') return 'saved';
  rmSync(files.state, { force: true });
  return 'empty';
}

/**
 * anvil overwrites its file in place, so a kill in the middle leaves half of it. And it reads its blocks before
 * its accounts, so a block mined in between leaves accounts that are ahead: nonces used and money moved by
 * transactions that no block has. Each sender's nonce must be what its blocks make it.
 */
function readState(file: string): 'sound' | 'torn' | 'half' {
  try {
    const { accounts, blocks, transactions } = JSON.parse(readFileSync(file, 'utf8')) as {
      accounts: Record<string, { nonce: number; code: string }>;
      blocks: { transactions: unknown[] }[];
      transactions: { info: { from: string } }[];
    };
    const sent = new Map<string, number>();
    for (const { info } of transactions) sent.set(info.from, (sent.get(info.from) ?? 0) + 1);
    const mined = blocks.reduce((sum, block) => sum + block.transactions.length, 0);
    const fits = Object.entries(accounts).every(
      ([address, { nonce, code }]) => code !== '0x' || nonce === (sent.get(address) ?? 0),
    );
    return fits && mined === transactions.length ? 'sound' : 'torn';
  } catch {
    return 'half';
  }
}

/**
 * Keeps the last two states that were written to their end, as long as this process lives: a chain that comes
 * back more than three blocks behind may be halted. Once a second, or a tenth of the time where it is large.
 */
export function keepCopies(files: StateFiles): { stop(): void } {
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;
  const round = async () => {
    const begun = systemClock.monotonic();
    await keepCopy(files);
    const tookMs = systemClock.monotonic() - begun;
    if (stopped) return;
    timer = setTimeout(() => void round(), Math.max(COPY_EVERY_MS, 10 * tookMs));
    timer.unref();
  };
  void round();
  return {
    stop: () => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** Whole is told by the last byte; parsed only when needed. */
async function keepCopy(files: StateFiles): Promise<void> {
  const partial = `${files.copy}.partial`;
  try {
    if (statSync(files.state, { throwIfNoEntry: false }) === undefined) return;
    await copyFile(files.state, partial);
    const file = await open(partial);
    const { size } = await file.stat();
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
    await file.close();
    if (buffer.toString('latin1') !== '}') return;
    await rename(files.copy, files.older).catch(() => {});
    await rename(partial, files.copy);
  } catch {
    // The disk is full or the folder is gone: the next round tries again.
  }
}
