import type { LaneUse } from '../../../books/tx/index.ts';

/** What chain and books say of a lane that is to be opened again. Amounts in base units, by CAIP-19 asset. */
export type AdoptionFacts = {
  pausedReason: string | null;
  nextNonce: bigint;
  /** Nonces that our inclusions and known foreign ones consumed. */
  accounted: bigint;
  /** The chain's counts of the wallet's transactions. */
  counts: { finalized: bigint; latest: bigint; pending: bigint };
  use: LaneUse;
  /** Top-ups and sweeps to or from it that are under way. */
  moves: number;
  balances: { asset: string; held: bigint; booked: bigint; gasInTransit: bigint }[];
};

type Obstacle = {
  what: string;
  /** A person may decide that it does not matter. */
  forceable: boolean;
};

type Difference = { asset: string; amount: bigint };

export type AdoptionPlan =
  | { kind: 'unclear'; obstacles: Obstacle[] }
  /** Nonces below slots in flight that nothing was ever given for: nothing behind them can be mined. */
  | { kind: 'fill'; gaps: bigint[] }
  /** What the wallet holds more (or less) than the books say, and where the lane goes on. */
  | { kind: 'open'; nextNonce: bigint; differences: Difference[] };

/**
 * Whether a closed lane can be opened, and what has to be booked before. Only what is final counts, and only
 * a lane on which nothing is under way: then books and chain can be compared, and a difference is a fact.
 */
export function decideAdoption(facts: AdoptionFacts, forced: boolean): AdoptionPlan {
  const obstacles = obstaclesOf(facts).filter(({ forceable }) => !(forced && forceable));
  if (obstacles.length > 0) return { kind: 'unclear', obstacles };
  const { gaps, inFlight } = facts.use;
  if (gaps.length > 0) return { kind: 'fill', gaps };
  const settling = settlingOf(facts, inFlight);
  if (settling.length > 0) return { kind: 'unclear', obstacles: settling };
  return {
    kind: 'open',
    nextNonce: facts.counts.finalized,
    differences: facts.balances
      .map(({ asset, held, booked }) => ({ asset, amount: held - booked }))
      .filter(({ amount }) => amount !== 0n),
  };
}

function obstaclesOf({ pausedReason, counts, accounted, use }: AdoptionFacts): Obstacle[] {
  const obstacles: Obstacle[] = [];
  const add = (what: string, forceable = false) => obstacles.push({ what, forceable });
  if (pausedReason === null) add('the lane is in use: pause it first');
  if (counts.pending !== counts.latest) {
    const waiting = counts.pending - counts.latest;
    add(
      `${waiting} transactions of the wallet wait in the node's pool and may still move its funds`,
      true,
    );
  }
  if (counts.latest !== counts.finalized) {
    add(`${counts.latest - counts.finalized} transactions of the wallet are not final yet: wait`);
  } else if (accounted !== counts.finalized) {
    add(
      `the chain has consumed the nonces below ${counts.finalized} and the transactions below ${accounted} are known: let a worker walk to the latest block, on a node that has the state of the blocks in between`,
    );
  }
  for (const { txHash, nonce } of use.foreign.filter(
    (one) => one.paysIntent && one.paid === null,
  )) {
    add(
      `transaction ${txHash} at nonce ${nonce} seems to have paid the withdrawal of its slot: two persons have to resolve that break first`,
    );
  }
  return obstacles;
}

function settlingOf({ use, moves, balances }: AdoptionFacts, inFlight: number): Obstacle[] {
  const obstacles: Obstacle[] = [];
  const add = (what: string) => obstacles.push({ what, forceable: false });
  if (inFlight > 0) add(`${inFlight} slots are in flight: wait until they are final`);
  if (moves > 0) add(`${moves} top-ups or sweeps of the lane are under way: wait`);
  if (use.unsettled > 0) {
    add(
      `${use.unsettled} transactions of the lane have not come to their end: wait, or see breaks`,
    );
  } else if (balances.some(({ gasInTransit }) => gasInTransit > 0n)) {
    add('gas of the lane is not booked yet: wait');
  }
  if (use.arriving > 0) add(`${use.arriving} arrivals on the lane are not booked yet: wait`);
  return obstacles;
}
