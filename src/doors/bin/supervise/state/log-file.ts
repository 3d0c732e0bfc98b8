import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const ROLL_BYTES = 20_000_000;
const KEPT_BYTES = 16_384;
const LONGEST_WORDS = 240;

/** A process's log, appended; at 20 MB it moves to `.1`. Keeps the end in memory, for its last words. */
export class LogFile {
  readonly path: string;
  #fd: number | null = null;
  #size = 0;
  #tail = '';

  constructor(path: string) {
    this.path = path;
  }

  write(chunk: Buffer): void {
    this.#tail = (this.#tail + chunk.toString('utf8')).slice(-KEPT_BYTES);
    try {
      this.#fd ??= this.#open();
      writeSync(this.#fd, chunk);
      this.#size += chunk.length;
      if (this.#size > ROLL_BYTES) this.close();
    } catch {
      // A full disk must not end the supervisor with the process whose log it is.
    }
  }

  /** The next last words belong to another process. */
  forget(): void {
    this.#tail = '';
  }

  /** What the process said of its end, in one line; null when it said nothing. */
  lastWords(): string | null {
    return lastWordsOf(this.#tail);
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #open(): number {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const size = statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
    if (size > ROLL_BYTES) renameSync(this.path, `${this.path}.1`);
    this.#size = size > ROLL_BYTES ? 0 : size;
    return openSync(this.path, 'a', 0o600);
  }
}

/** The last error that was logged or thrown, else the last line that is no log entry. Pure. */
export function lastWordsOf(text: string): string | null {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .reverse();
  const entries = lines.map(readEntry);
  const logged = entries.find((entry) => entry !== null && entry.level >= 50);
  const thrown = lines.find((line) =>
    /^(Uncaught )?[A-Za-z]*(Error|Invariant|Transient)\b/.test(line),
  );
  const words = logged?.words ?? thrown ?? lines.find((_, at) => entries[at] === null);
  return words === undefined ? null : words.slice(0, LONGEST_WORDS);
}

function readEntry(line: string): { level: number; words: string } | null {
  if (!line.startsWith('{')) return null;
  try {
    const { level, msg, error, err } = JSON.parse(line) as {
      level?: number;
      msg?: string;
      error?: unknown;
      err?: { message?: string };
    };
    if (typeof level !== 'number') return null;
    const cause = typeof error === 'string' ? error : err?.message;
    const words = [msg, cause].filter((part) => part !== undefined && part !== '').join(': ');
    return { level, words: words.replaceAll(/\s*\n\s*/g, ' ') };
  } catch {
    return null;
  }
}
