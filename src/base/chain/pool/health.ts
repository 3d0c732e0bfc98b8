import { backoffMs } from '../../queue/index.ts';
import { type FailureKind, isOwnFault } from '../failure.ts';

/**
 * What is known of an endpoint, from its answers alone. Times are monotonic ms. An open circuit is asked
 * nothing but who it is, from `probeAt` on; it begins open, since an endpoint that did not yet say which chain it
 * is on is not used.
 */
export type Health = {
  circuit: 'closed' | 'open';
  probeAt: number;
  /** Times that it opened without staying closed since. */
  opened: number;
  /** Good answers since it closed. */
  answers: number;
  failuresInRow: number;
  /** Moving averages: of failures, 0 to 1, and of the time of a request. */
  errorRate: number;
  latencyMs: number | null;
  /** The chain id that it gave, when it is not ours. */
  wrongChainId: number | null;
  head: number | null;
  /** Blocks behind the head that a quorum has, when all were last asked at once. */
  lag: number;
  lagging: boolean;
  lastFailure: FailureKind | null;
};

export type EndpointState = 'healthy' | 'degraded' | 'open' | 'wrong_chain';
type At = { now: number; random: () => number };

const FAILURES_IN_ROW = 3;
/** To go on asking is what prolongs a rate limit; a single one may have been a neighbour's. */
const RATE_LIMITED_IN_ROW = 2;
const OPEN_ERROR_RATE = 0.5;
const DEGRADED_ERROR_RATE = 0.1;
const DEGRADED_LATENCY_MS = 3_000;
/** Of the newest answer in the averages: the last ten or so count. */
const WEIGHT = 0.1;
/** Good answers after which an opening counts as the first again. */
const STEADY = 20;
const PROBE = { baseMs: 1_000, capMs: 60_000, limit: Number.POSITIVE_INFINITY };
const WRONG_CHAIN_MS = 60_000;
/** Both, since blocks come every quarter of a second on one chain and every twelve on another. */
const LAG_BLOCKS = 5;
const LAG_SECONDS = 15;

export function newHealth(): Health {
  return {
    circuit: 'open',
    probeAt: Number.NEGATIVE_INFINITY,
    opened: 0,
    answers: 0,
    failuresInRow: 0,
    errorRate: 0,
    latencyMs: null,
    wrongChainId: null,
    head: null,
    lag: 0,
    lagging: false,
    lastFailure: null,
  };
}

/** After a question: null when it was answered. What is nobody's fault changes nothing. */
export function afterAnswer(health: Health, failure: FailureKind | null, at: At): Health {
  if (failure !== null && !isOwnFault(failure)) return health;
  const errorRate = health.errorRate + WEIGHT * ((failure === null ? 0 : 1) - health.errorRate);
  if (failure === null) {
    const answers = health.answers + 1;
    const opened = answers >= STEADY ? 0 : health.opened;
    return { ...health, errorRate, answers, opened, failuresInRow: 0 };
  }
  const failuresInRow = health.failuresInRow + 1;
  const next = { ...health, errorRate, failuresInRow, lastFailure: failure };
  const open =
    failuresInRow >= (failure === 'rate_limited' ? RATE_LIMITED_IN_ROW : FAILURES_IN_ROW) ||
    errorRate > OPEN_ERROR_RATE;
  return open && health.circuit === 'closed' ? opening(next, at) : next;
}

function opening(health: Health, at: At): Health {
  const opened = health.opened + 1;
  const probeAt = at.now + backoffMs(PROBE, opened, at.random);
  return { ...health, circuit: 'open', opened, answers: 0, probeAt };
}

type Identity = { chainId: number; head: number | null };

/** After the endpoint was asked who it is: its answer, or why there is none. */
export function afterProbe(
  health: Health,
  answer: Identity | FailureKind,
  at: At & { chainId: number },
): Health {
  if (typeof answer === 'string') {
    const next = { ...health, lastFailure: answer };
    if (health.circuit === 'closed') return afterAnswer(health, answer, at);
    return isOwnFault(answer) ? opening(next, at) : next;
  }
  const { chainId, head } = answer;
  if (chainId !== at.chainId) {
    const probeAt = at.now + WRONG_CHAIN_MS;
    return { ...health, circuit: 'open', probeAt, wrongChainId: chainId, head: null };
  }
  const next = { ...health, wrongChainId: null, head };
  if (health.circuit === 'closed') return afterAnswer(next, null, at);
  return { ...next, circuit: 'closed', answers: 0, failuresInRow: 0, errorRate: 0 };
}

export function withLatency(health: Health, ms: number): Health {
  const { latencyMs } = health;
  return { ...health, latencyMs: latencyMs === null ? ms : latencyMs + WEIGHT * (ms - latencyMs) };
}

export type SeenHead = { number: number; timestamp: number };

/**
 * How far each endpoint is behind, all asked at one time; null: no answer. Measured against the highest head that
 * `needed` of them have reached, so that one that invents blocks does not make all others look late.
 */
export function lagsOf(
  heads: readonly (SeenHead | null)[],
  needed: number,
): ({ lag: number; lagging: boolean } | null)[] {
  const known = heads.flatMap((head) => head ?? []).sort((a, b) => b.number - a.number);
  const reached = known[Math.min(needed, known.length) - 1];
  return heads.map((head) => {
    if (head === null || reached === undefined) return null;
    const lag = Math.max(0, reached.number - head.number);
    const seconds = reached.timestamp - head.timestamp;
    return { lag, lagging: lag > LAG_BLOCKS && seconds > LAG_SECONDS };
  });
}

export function stateOf(health: Health): EndpointState {
  if (health.wrongChainId !== null) return 'wrong_chain';
  if (health.circuit === 'open') return 'open';
  const slow = (health.latencyMs ?? 0) > DEGRADED_LATENCY_MS;
  return slow || health.lagging || health.errorRate > DEGRADED_ERROR_RATE ? 'degraded' : 'healthy';
}
