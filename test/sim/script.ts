import type { ChainPort } from '../../src/base/chain/index.ts';
import type { Fault } from '../support/fake-chain/index.ts';
import type { Verdict } from '../support/steps/points/actor.ts';
import { Random } from '../support/steps/random.ts';
import { ACCOUNTS } from '../support/steps/road.ts';
import type { Lie } from '../support/steps/several-nodes.ts';
import type { ForeignUse } from './stranger.ts';

type Method = keyof ChainPort;

export type Request = {
  account: string;
  asset: 'USDC' | 'ETH';
  /** In units. */
  amount: string;
  expires: boolean;
};

/** What happens in a simulated life of an installation, one after another. */
export type Action =
  | { do: 'request'; n: number; request: Request }
  /** A client that got no answer, or believes so: the same request with the same key. */
  | { do: 'repeat' | 'cancel' | 'speed up'; n: number }
  /** Everything that is due, so many times. */
  | { do: 'work'; passes: number }
  | { do: 'observe' | 'resend' | 'sequence' }
  /** The n-th of the steps that have something to do goes wrong at its k-th await. */
  | { do: 'disturb'; due: number; at: number; verdict: Verdict }
  /** Two of them, or one in two processes, interleaved as the seed says. */
  | { do: 'meet'; due: [number, number]; seed: number }
  | { do: 'mine'; blocks: number }
  /** From the next block on. */
  | { do: 'base fee'; gwei: number }
  /** Longer than the patience of the chain, and then a block. */
  | { do: 'pass over' }
  /** So many blocks are mined and seen before; `settle`: and what they settle is committed. */
  | {
      do: 'reorg';
      mine: number;
      settle: boolean;
      depth: number;
      transactions: Kept;
      toPool: boolean;
    }
  | { do: 'drop' | 'late' | 'stall' | 'resume' }
  | { do: 'foreign'; use: ForeignUse }
  | { do: 'node'; method: Method; fault: Fault }
  /** One of the two nodes beside it says something else, until another lie. */
  | { do: 'lie'; index: 0 | 1; lie: Lie }
  /** The next transaction reverts; a recipient can not be paid any more. */
  | { do: 'revert' }
  | { do: 'refuse'; n: number }
  | { do: 'elapse'; ms: number }
  /** Every lease of a job is over, whoever holds it: the same jobs are claimed again. */
  | { do: 'deliver again' }
  /** All processes die and others are started, who may hold nothing yet. */
  | { do: 'restart' };

type Kept = 'keep' | 'shuffle' | 'none';

export type Script = { seed: number; lanes: number; actions: Action[] };

const SAYINGS = [
  'nonce too low: next nonce 7, tx nonce 3',
  'already known',
  'replacement transaction underpriced',
  'txpool is full',
  'insufficient funds for gas * price + value',
  'execution reverted',
  'the node is not well',
] as const;

const READS: readonly Method[] = [
  'header',
  'blocks',
  'receipts',
  'estimateGas',
  'simulate',
  'feeMarket',
  'transactionCounts',
];

/** `big`: everything settles at finalized, else nearly everything at safe. */
type Shape = { random: Random; requests: number; lanes: number; big: boolean };

/** So many of the newest blocks may go: down to what is final, below safe. */
const REORG_BELOW = 6;

/** A life by its seed: a few withdrawals, and what befalls them. */
export function scriptOf(seed: number): Script {
  const random = new Random(seed);
  const big = random.chance(0.3);
  const lanes = 1 + random.below(3);
  const shape: Shape = { random, requests: 0, lanes, big };
  const actions: Action[] = [request(shape)];
  if (random.chance(0.5)) actions.push(request(shape));
  const length = 9 + random.below(12);
  while (actions.length < length) actions.push(actionOf(shape));
  return { seed, lanes, actions };
}

/** Chances in a hundred and fifty-four; the rest is work. */
const CHANCES: readonly [number, (shape: Shape) => Action][] = [
  [8, (shape) => (shape.requests < 4 ? request(shape) : work(shape))],
  [3, (shape) => ({ do: 'repeat', n: shape.random.below(shape.requests) })],
  [6, (shape) => ({ do: 'cancel', n: shape.random.below(shape.requests) })],
  [15, disturb],
  [7, meet],
  [7, ({ random }) => ({ do: 'mine', blocks: random.pick([1, 1, 2, 4, 7]) })],
  [9, reorg],
  [4, () => ({ do: 'drop' })],
  [1, () => ({ do: 'late' })],
  [2, () => ({ do: 'stall' })],
  [2, () => ({ do: 'resume' })],
  [11, node],
  [6, lie],
  [1, () => ({ do: 'revert' })],
  [1, (shape) => ({ do: 'refuse', n: shape.random.below(shape.requests) })],
  [6, ({ random }) => ({ do: 'elapse', ms: random.pick(TIMES) })],
  [3, () => ({ do: 'deliver again' })],
  [3, () => ({ do: 'restart' })],
  [2, () => ({ do: 'observe' })],
  [1, () => ({ do: 'resend' })],
  [1, () => ({ do: 'sequence' })],
  [4, ({ random }) => ({ do: 'base fee', gwei: random.pick([1, 4, 9, 30, 60]) })],
  [8, () => ({ do: 'pass over' })],
  [4, foreign],
  [5, (shape) => ({ do: 'speed up', n: shape.random.below(shape.requests) })],
];

/** Leases end after 6 and 15 s, claims may be taken over after 30, and the last is past every expiry. */
const TIMES = [1_000, 7_000, 16_000, 31_000, 2_400_000] as const;

function actionOf(shape: Shape): Action {
  let left = shape.random.below(154);
  for (const [chance, make] of CHANCES) {
    left -= chance;
    if (left < 0) return make(shape);
  }
  return work(shape);
}

/** Five passes take a withdrawal from its acceptance into the pool. */
function work({ random }: Shape): Action {
  return { do: 'work', passes: 1 + random.below(random.chance(0.5) ? 2 : 5) };
}

function request(shape: Shape): Action {
  const { random, big } = shape;
  const n = shape.requests;
  shape.requests += 1;
  const asset = big || random.chance(0.7) ? 'USDC' : 'ETH';
  const amount = big ? 1_001 + random.below(15_000) : 1 + random.below(900);
  return {
    do: 'request',
    n,
    request: {
      account: random.pick(ACCOUNTS),
      asset,
      amount: asset === 'ETH' ? `0.${100 + amount}` : String(amount),
      expires: random.chance(0.25),
    },
  };
}

function disturb({ random }: Shape): Action {
  const verdict = random.pick<Verdict>(['kill', 'kill', 'lose', 'fail']);
  return { do: 'disturb', due: random.below(8), at: 1 + random.below(20), verdict };
}

function meet({ random }: Shape): Action {
  const [first, other] = [random.below(8), random.below(8)];
  const due: [number, number] = [first, random.chance(0.5) ? first : other];
  return { do: 'meet', due, seed: random.below(1_000_000) };
}

function reorg({ random }: Shape): Action {
  // Of what was committed at safe, three blocks deep, or of anything.
  const settle = random.chance(0.4);
  const depth = settle ? 4 + random.below(REORG_BELOW - 3) : 1 + random.below(REORG_BELOW);
  return {
    do: 'reorg',
    mine: settle ? depth : random.below(depth + 1),
    settle,
    depth,
    transactions: random.pick<Kept>(['keep', 'shuffle', 'none', 'none']),
    toPool: random.chance(0.5),
  };
}

function node({ random }: Shape): Action {
  if (random.chance(0.4))
    return { do: 'node', method: random.pick(READS), fault: readFault(random) };
  const fault = random.pick<Fault>([
    { kind: 'lost', delivered: true },
    { kind: 'lost', delivered: false },
    { kind: 'lost', delivered: 'late', from: random.below(2) },
    { kind: 'busy', status: 429 },
    { kind: 'wrong_hash' },
    { kind: 'twice' },
    { kind: 'says', message: random.pick(SAYINGS), delivered: random.chance(0.5) },
  ]);
  return { do: 'node', method: 'send', fault };
}

function lie({ random }: Shape): Action {
  const index = random.below(2) as 0 | 1;
  const told = random.pick<Lie>([
    { kind: 'forges' },
    { kind: 'hurries' },
    { kind: 'away' },
    { kind: 'honest' },
    { kind: 'forks', above: 10 + random.below(8) },
    { kind: 'lags', blocks: 1 + random.below(6) },
  ]);
  return { do: 'lie', index, lie: told };
}

function foreign({ random, lanes, requests }: Shape): Action {
  return {
    do: 'foreign',
    use: {
      lane: random.below(lanes),
      ahead: random.pick([0, 0, 0, 1, 1, 2]),
      what: random.pick(['coin', 'token', 'nothing', { payee: random.below(requests) }] as const),
      by: random.pick(['pool', 'block', 'block', { reorg: 2 + random.below(3) }] as const),
    },
  };
}

function readFault(random: Random): Fault {
  return random.pick<Fault>([
    { kind: 'lost', delivered: false },
    { kind: 'busy', status: 503 },
    { kind: 'stale', blocks: 1 + random.below(3) },
    { kind: 'says', message: 'header not found' },
  ]);
}
