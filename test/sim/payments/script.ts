import type { Fault } from '../../support/fake-chain/index.ts';
import type { Verdict } from '../../support/steps/points/actor.ts';
import { Random } from '../../support/steps/random.ts';
import { type Order, PURSE } from '../../support/x402/paying.ts';

/** A merchant's question. `delivered`: what was told reached it. */
export type Ask = { question: 'verify' | 'settle'; n: number; delivered: boolean };

export type Action =
  | { do: 'ask'; ask: Ask }
  /** At once, by one process. */
  | { do: 'burst'; ask: Ask; times: number }
  /** By processes of their own, interleaved at every await as the seed says; one may be killed on its way. */
  | { do: 'meet'; asks: Ask[]; due: number; killAt: number | null; seed: number }
  /** A step that has something to do goes wrong at its k-th await. */
  | { do: 'disturb'; due: number; at: number; verdict: Verdict }
  | { do: 'refund'; n: number; part: bigint | null; key: number }
  | { do: 'work'; passes: number }
  | { do: 'mine'; blocks: number }
  | { do: 'reorg'; depth: number; transactions: 'keep' | 'none'; toPool: boolean }
  | { do: 'drop' }
  /** Somebody else lands the authorization. */
  | { do: 'land'; n: number }
  /** The chain's clock passes the end of every authorization. */
  | { do: 'expire' }
  | { do: 'base fee'; gwei: number }
  | { do: 'node'; method: 'send' | 'simulate' | 'header' | 'transfers'; fault: Fault }
  | { do: 'elapse'; ms: number }
  | { do: 'deliver again' }
  | { do: 'restart' };

/** `ruled`: under a policy document, else by the configuration. */
export type Script = { seed: number; ruled: boolean; orders: Order[]; actions: Action[] };

/** The dearest is all that a payer has. */
const AMOUNTS = [3_000_000n, 6_000_000n, PURSE];
const MOST_ORDERS = 4;
const BY: Pick<Order, 'by'>[] = [{}, {}, { by: 'permit2' }, { by: 'upto' }];

/** A life by its seed: a few payments, and what befalls them. */
export function scriptOf(seed: number): Script {
  const random = new Random(seed);
  const orders: Order[] = [];
  const count = 1 + random.below(MOST_ORDERS);
  while (orders.length < count) {
    const again = orders.length > 0 && random.chance(0.25) ? random.below(orders.length) : null;
    const first = again === null ? null : (orders[again]!.again ?? again);
    orders.push(
      first === null
        ? {
            payer: random.pick([0, 1]),
            amount: random.pick(AMOUNTS),
            custodial: random.chance(0.6),
            again: null,
            ...random.pick(BY),
          }
        : { ...orders[first]!, again: first },
    );
  }
  const length = 8 + random.below(14);
  const actions = Array.from({ length }, () => actionOf(random, count));
  return { seed, ruled: seed % 2 === 0, orders, actions };
}

const CHANCES: readonly [number, (random: Random, count: number) => Action][] = [
  [14, (random, count) => ({ do: 'ask', ask: askOf(random, count) })],
  [4, (random, count) => ({ do: 'burst', ask: askOf(random, count), times: 2 + random.below(4) })],
  [12, meet],
  [9, disturb],
  [9, refund],
  [24, (random) => ({ do: 'work', passes: 1 + random.below(4) })],
  [12, (random) => ({ do: 'mine', blocks: random.pick([1, 1, 2, 4, 7]) })],
  [6, reorg],
  [2, () => ({ do: 'drop' })],
  [3, (random, count) => ({ do: 'land', n: random.below(count) })],
  [1, () => ({ do: 'expire' })],
  [2, (random) => ({ do: 'base fee', gwei: random.pick([1, 30, 60]) })],
  [5, node],
  [4, (random) => ({ do: 'elapse', ms: random.pick([1_000, 6_000, 21_000, 65_000]) })],
  [2, () => ({ do: 'deliver again' })],
  [3, () => ({ do: 'restart' })],
];
const ALL = CHANCES.reduce((sum, [chance]) => sum + chance, 0);

function actionOf(random: Random, count: number): Action {
  let left = random.below(ALL);
  for (const [chance, make] of CHANCES) {
    if (left < chance) return make(random, count);
    left -= chance;
  }
  throw new Error('the chances do not add up');
}

function askOf(random: Random, count: number): Ask {
  const question = random.chance(0.75) ? 'settle' : 'verify';
  return { question, n: random.below(count), delivered: random.chance(0.8) };
}

function meet(random: Random, count: number): Action {
  const asks = Array.from({ length: 2 + random.below(2) }, () => askOf(random, count));
  // Most meet over one payment.
  const n = random.below(count);
  const same = random.chance(0.6) ? asks.map((ask) => ({ ...ask, n })) : asks;
  const killAt = random.chance(0.3) ? random.below(40) : null;
  return { do: 'meet', asks: same, due: random.below(8), killAt, seed: random.below(2 ** 31) };
}

function disturb(random: Random): Action {
  const verdict = random.pick(['kill', 'lose', 'fail'] as const);
  return { do: 'disturb', due: random.below(8), at: 1 + random.below(14), verdict };
}

function refund(random: Random, count: number): Action {
  const part = random.pick([null, null, 1_000_000n, 2_000_000n, 3_000_000n]);
  return { do: 'refund', n: random.below(count), part, key: random.below(3) };
}

function reorg(random: Random): Action {
  const transactions = random.pick(['keep', 'none', 'none'] as const);
  return { do: 'reorg', depth: 1 + random.below(5), transactions, toPool: random.chance(0.7) };
}

function node(random: Random): Action {
  const method = random.pick(['send', 'send', 'simulate', 'header', 'transfers'] as const);
  const fault: Fault = random.pick([
    { kind: 'lost', delivered: random.pick([true, false, 'late'] as const) },
    { kind: 'busy', status: 503 },
    { kind: 'says', message: 'the node is not well' },
  ]);
  return { do: 'node', method, fault };
}
