import { copyFileSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/base/kernel/index.ts';
import { readHeads } from '../../src/books/tx/index.ts';
import { type LocalInstallation, onInstallation } from '../support/processes.ts';
import type { Proof, ProofContext, ProofResult } from './proof.ts';
import { Traffic } from './traffic.ts';
import { judge, untilSettled } from './verdict.ts';

type Size = { rounds: number; inFlight: number };

/** Blocks that may be lost: a withdrawal may be committed when its block is four behind the newest. */
const DEEPEST = 3;
const FOUND_WITHIN_MS = 180_000;

/** The whole installation dies; the chain comes back without its newest blocks, the database does not. */
async function prove(context: ProofContext, size: Size): Promise<ProofResult> {
  const { say, signal } = context;
  return onInstallation(async (on) => {
    const traffic = new Traffic(on, context);
    await traffic.fund(1_000_000);
    const enough = new AbortController();
    const flowing = traffic.keep(size.inFlight, enough.signal);
    flowing.catch(() => {});
    const broken: string[] = [];
    const notes: string[] = [];
    for (let round = 0; round < size.rounds; round += 1) {
      const { lost, forgotten } = await Promise.race([
        dieBehind(on, signal),
        flowing.then(() => Promise.reject(new Error('the traffic ended early'))),
      ]);
      const told = on.terminal().length;
      await on.startAgain();
      const line = `the chain lost ${lost} blocks with ${forgotten} payments that the database has seen`;
      say(line);
      notes.push(line);
      if (!/behind the database/.test(on.terminal().slice(told))) {
        broken.push('the start did not tell that the chain came back behind the database');
      }
    }
    enough.abort();
    await flowing;
    await untilSettled(on, { ms: 180_000, say, signal, ageClaims: true });
    const judged = await judge(on, traffic);
    return {
      ...judged,
      done: `everything killed and the chain put back by 1 to ${DEEPEST} blocks, ${size.rounds} times`,
      faults: { 'kill everything': size.rounds, 'older chain': size.rounds },
      broken: [...judged.broken, ...broken, ...(await otherBytes(on))],
      targets: [],
      notes: [...judged.notes, ...notes],
    };
  });
}

/**
 * Keeps copies of the chain's saved state until the database has seen payments in blocks beyond one of them,
 * kills everything in that moment and puts that copy in the place of the saved state.
 */
async function dieBehind(
  on: LocalInstallation,
  signal: AbortSignal,
): Promise<{ lost: number; forgotten: number }> {
  const file = join(on.stateDir, 'anvil-31337.state.json');
  const copies = new Map<number, string>();
  const deadline = systemClock.monotonic() + FOUND_WITHIN_MS;
  while (systemClock.monotonic() < deadline) {
    signal.throwIfAborted();
    keepCopy(file, copies);
    const found = await beyond(on, copies);
    if (found === null) {
      await systemClock.sleep(150);
      continue;
    }
    for (const component of [
      'supervisor',
      'anvil',
      'worker',
      'signer',
      'api',
      'postgres',
    ] as const) {
      on.signal(component, 'SIGKILL');
    }
    renameSync(copies.get(found.height)!, file);
    return { lost: found.lost, forgotten: found.forgotten };
  }
  throw new Error('no saved state of the chain was behind the database while payments were mined');
}

/** Under the height that is in it; half a file is none. */
function keepCopy(file: string, copies: Map<number, string>): void {
  try {
    const height = heightOf(file);
    if (copies.has(height)) return;
    const copy = `${file}.${height}`;
    copyFileSync(file, copy);
    if (heightOf(copy) === height) copies.set(height, copy);
  } catch {
    // It is just being written.
  }
}

function heightOf(file: string): number {
  const state = JSON.parse(readFileSync(file, 'utf8')) as { block: { number: string | number } };
  return Number(state.block.number);
}

/** A copy that lacks payments of blocks that the database has seen, and nothing that may be committed. */
async function beyond(
  on: LocalInstallation,
  copies: ReadonlyMap<number, string>,
): Promise<{ height: number; lost: number; forgotten: number } | null> {
  const [head] = (await readHeads(on.db)).values();
  if (head === undefined) return null;
  for (let lost = DEEPEST - 1; lost >= 1; lost -= 1) {
    const height = head.latest - lost;
    if (!copies.has(height)) continue;
    const { rows } = await on.db.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM inclusion WHERE block_number > $1',
      [height],
    );
    if (rows[0]!.n > 0) return { height, lost, forgotten: rows[0]!.n };
  }
  return null;
}

/** A repair by the same bytes leaves one attempt to each slot, and a reorg that was told. */
async function otherBytes(on: LocalInstallation): Promise<string[]> {
  const { rows } = await on.db.query<{ slots: number; attempts: number; reorged: number }>(
    `SELECT (SELECT count(*)::int FROM nonce_slot) AS slots, (SELECT count(*)::int FROM attempt) AS attempts,
       (SELECT count(*)::int FROM tx WHERE reorgs > 0) AS reorged`,
  );
  const { slots, attempts, reorged } = rows[0]!;
  return [
    ...(slots === attempts ? [] : [`${slots} slots have ${attempts} attempts: not the same bytes`]),
    ...(reorged > 0 ? [] : ['no withdrawal tells that its block was lost']),
  ];
}

export const chainBehind: Proof = {
  name: 'chain-behind',
  sentence: 'a chain that comes back behind the database is repaired by sending the same bytes',
  short: (context) => prove(context, { rounds: 1, inFlight: 300 }),
  full: (context) => prove(context, { rounds: 5, inFlight: 1_000 }),
};
