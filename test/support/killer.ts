import type { Sql } from '../../src/base/db/index.ts';
import { systemClock } from '../../src/base/kernel/index.ts';
import type { Component, LocalInstallation } from './processes.ts';

/** The stages between the accepted request and the block that has it. */
export const STAGES = ['RESERVED', 'APPROVED', 'SLOTTED', 'SIGNED', 'BROADCASTED'] as const;
type Stages = Record<(typeof STAGES)[number], number>;

/** Withdrawals by stage; what is in a block or has ended is not counted. */
export async function readStages(sql: Sql): Promise<Stages> {
  const { rows } = await sql.query<{ stage: keyof Stages; n: number }>(
    `SELECT CASE WHEN t.status IS NULL OR t.status = 'CREATED'
         THEN CASE w.status WHEN 'RESERVED' THEN 'RESERVED' ELSE 'APPROVED' END
         ELSE t.status END AS stage, count(*)::int AS n
     FROM withdrawal w LEFT JOIN tx t ON t.owner_id = w.withdrawal_id
     WHERE w.status IN ('RESERVED', 'APPROVED', 'EXECUTING')
       AND (t.status IS NULL OR t.status IN ('CREATED', 'SLOTTED', 'SIGNED', 'BROADCASTED'))
     GROUP BY 1`,
  );
  const stages: Stages = { RESERVED: 0, APPROVED: 0, SLOTTED: 0, SIGNED: 0, BROADCASTED: 0 };
  for (const { stage, n } of rows) stages[stage] = n;
  return stages;
}

export function inFlight(stages: Stages): number {
  return Object.values(stages).reduce((sum, n) => sum + n, 0);
}

/** A kill -9, when, and what stood where in that moment. */
export type Kill = { component: Component; seconds: number; inFlight: number; stages: Stages };

type KillerOptions = {
  installation: LocalInstallation;
  random: () => number;
  components: readonly Component[];
  kills: number;
  /** A component is killed only while at least so many withdrawals are in flight. */
  atLeast: number;
  /** The longest rest before a kill, so that it meets every moment of a recovery. */
  restMs: number;
  told(kill: Kill): void;
  signal: AbortSignal;
};

const BUSY_WITHIN_MS = 60_000;

/**
 * Kills -9 components one after the other, each as often as every other within one, in an order and after
 * rests that the random numbers give. A supervisor is started again as its user would; everything else
 * is the supervisor's business. Throws when a component was not there and busy in time.
 */
export async function killAll(options: KillerOptions): Promise<Kill[]> {
  const { installation, random, kills, restMs, told } = options;
  const begun = systemClock.monotonic();
  const done: Kill[] = [];
  for (const component of victims(options)) {
    const rest = Math.floor(random() * restMs);
    // Most kills meet a road that moves again, the others the recovery from the kill before.
    const last = random() < 0.7 ? done.at(-1)?.stages : undefined;
    const stages = await busy(options, component, { restMs: rest, last });
    installation.signal(component, 'SIGKILL');
    const seconds = (systemClock.monotonic() - begun) / 1_000;
    const kill = { component, seconds, inFlight: inFlight(stages), stages };
    done.push(kill);
    told(kill);
    if (component === 'supervisor') await startAgain(installation);
  }
  if (done.length !== kills) throw new Error(`${done.length} of ${kills} kills were done`);
  return done;
}

/** Rounds of all components, each round in an order of its own. */
function victims({ components, kills, random }: KillerOptions): Component[] {
  const order: Component[] = [];
  while (order.length < kills) {
    const left = [...components];
    while (left.length > 0) order.push(...left.splice(Math.floor(random() * left.length), 1));
  }
  return order.slice(0, kills);
}

/** Waits until the victim is there and enough is in flight, rests, and looks again: the last look counts. */
async function busy(
  { installation, atLeast, signal }: KillerOptions,
  component: Component,
  { restMs, last: before }: { restMs: number; last: Stages | undefined },
): Promise<Stages> {
  const deadline = systemClock.monotonic() + BUSY_WITHIN_MS;
  let rested = false;
  let last = 'the database did not answer';
  while (systemClock.monotonic() < deadline) {
    signal.throwIfAborted();
    const stages = await readStages(installation.db).catch(() => null);
    const there = installation.identityOf(component) !== null;
    if (stages !== null) last = `${inFlight(stages)} in flight`;
    const fits =
      there &&
      stages !== null &&
      inFlight(stages) >= atLeast &&
      (before === undefined || hasMoved(before, stages));
    if (fits && rested) return stages;
    rested = fits;
    await systemClock.sleep(fits ? restMs : 20, signal);
  }
  throw new Error(
    `${component} was not to be killed while busy: ${last}, ${atLeast} wanted; its process ${
      installation.identityOf(component) === null ? 'is away' : 'is there'
    }`,
  );
}

function hasMoved(before: Stages, now: Stages): boolean {
  return STAGES.some((stage) => stage !== 'RESERVED' && before[stage] !== now[stage]);
}

/** A start may meet a server that is just going down; its user starts it once more. */
async function startAgain(installation: LocalInstallation): Promise<void> {
  try {
    await installation.startAgain();
  } catch {
    await installation.startAgain();
  }
}
