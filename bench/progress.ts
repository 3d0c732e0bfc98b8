import { performance } from 'node:perf_hooks';

const started = performance.now();
const EVERY_MS = 2_000;

/** To stderr, with the time since the start: stdout is the table's. */
export function say(line: string): void {
  const seconds = (performance.now() - started) / 1_000;
  process.stderr.write(`${seconds.toFixed(1).padStart(6)} s  ${line}\n`);
}

/** Runs `work`; says what goes on when it takes longer than two seconds, and again every two. */
export async function during<T>(what: string, work: Promise<T>, state?: () => string): Promise<T> {
  const begun = performance.now();
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - begun) / 1_000);
    say(`${what} … ${seconds} s${state === undefined ? '' : `, ${state()}`}`);
  }, EVERY_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
