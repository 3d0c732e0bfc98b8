/** What a proof is given: its random numbers, where to tell what it does, and when to give up. */
export type ProofContext = {
  seed: number;
  random(): number;
  say(line: string): void;
  signal: AbortSignal;
};

/** Something measured that the full run holds against what was promised; never a test's condition. */
export type Target = { what: string; wanted: string; found: string; met: boolean };

export type ProofResult = {
  /** What was done, in one line. */
  done: string;
  /** Kills and faults by kind. */
  faults: Record<string, number>;
  payments: number;
  once: number;
  twice: number;
  missing: number;
  openReserves: number;
  /** What broke, a sentence each; empty: every law holds and everything was as it was to be. */
  broken: string[];
  targets: Target[];
  /** Further findings, a line each. */
  notes: string[];
};

export type Proof = {
  name: string;
  /** What it shows, as a sentence. */
  sentence: string;
  /** At most a minute, for the tests; null for what the tests already run. */
  short: ((context: ProofContext) => Promise<ProofResult>) | null;
  full(context: ProofContext): Promise<ProofResult>;
};

/** Everything that is wrong with a result, targets aside; empty: it holds. */
export function faultsOf(result: ProofResult): string[] {
  const { payments, once, twice, missing, openReserves, broken } = result;
  return [
    ...(once + twice + missing === payments ? [] : ['the counts of payments do not add up']),
    ...(twice > 0 ? [`${twice} were paid twice`] : []),
    ...(missing > 0 ? [`${missing} were not paid`] : []),
    ...(openReserves > 0 ? [`${openReserves} reserves are open`] : []),
    ...broken,
  ];
}

/** Numbers from 0 to 1 that a seed fixes (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** PAYONCE_SEED, or a new one. */
export function readSeed(): number {
  const named = Number(process.env['PAYONCE_SEED'] ?? '');
  return Number.isSafeInteger(named) && named > 0 ? named : Math.floor(Math.random() * 2 ** 31) + 1;
}
