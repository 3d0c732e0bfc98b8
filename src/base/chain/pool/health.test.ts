import { describe, expect, it } from 'vitest';
import type { FailureKind } from '../failure.ts';
import {
  afterAnswer,
  afterProbe,
  type EndpointState,
  type Health,
  lagsOf,
  newHealth,
  stateOf,
  withLatency,
} from './health.ts';

const OURS = 8453;
const at = { now: 1_000, random: () => 0.5, chainId: OURS };
const well = afterProbe(newHealth(), { chainId: OURS, head: 7 }, at);

/** null: a good answer; `ok*20`: twenty of them. */
function told(begin: Health, ...answers: (FailureKind | null | 'ok*20')[]): Health {
  return answers
    .flatMap((answer) => (answer === 'ok*20' ? Array<null>(20).fill(null) : answer))
    .reduce((health: Health, answer) => afterAnswer(health, answer, at), begin);
}

describe('an endpoint', () => {
  it('is not used before it has said which chain it is on', () => {
    expect(stateOf(newHealth())).toBe('open');
    expect(stateOf(afterProbe(newHealth(), { chainId: OURS, head: null }, at))).toBe('healthy');
    expect(well.head).toBe(7);
  });

  it.each<[string, EndpointState, (FailureKind | null | 'ok*20')[]]>([
    ['one time-out', 'healthy', ['timeout']],
    ['two failures', 'degraded', ['timeout', 'unreachable']],
    ['three failures in a row', 'open', ['timeout', 'server_error', 'malformed']],
    ['failures with answers between them', 'degraded', ['timeout', 'timeout', null, 'timeout']],
    ['one rate limit', 'healthy', ['rate_limited']],
    ['two rate limits in a row', 'open', ['rate_limited', 'rate_limited']],
    ['errors of its own', 'open', ['node_error', 'node_error', 'node_error']],
    ['a wrong key', 'open', ['unauthorized', 'unauthorized', 'unauthorized']],
    ['failures long ago', 'healthy', ['timeout', 'timeout', 'ok*20']],
    ["reverts, which are the contract's", 'healthy', Array<FailureKind>(9).fill('reverted')],
    ['blocks that it does not have', 'healthy', Array<FailureKind>(9).fill('behind')],
    ['our own limits', 'healthy', Array<FailureKind>(9).fill('own_limit')],
  ])('after %s is %s', (_what, state, answers) => {
    expect(stateOf(told(well, ...answers))).toBe(state);
  });

  it('with more failures than answers is left alone', () => {
    const mixed: (FailureKind | null)[] = [];
    for (let round = 0; round < 30; round += 1) mixed.push('timeout', 'timeout', null);
    expect(stateOf(told(well, ...mixed))).toBe('open');
  });

  it('that is slow is used last', () => {
    let slow = well;
    for (let round = 0; round < 40; round += 1) slow = withLatency(slow, 4_000);
    expect(stateOf(slow)).toBe('degraded');
    expect(stateOf(withLatency(well, 2_000))).toBe('healthy');
  });

  it('that is open is looked at again after a back-off with full jitter, up to a minute', () => {
    let health = told(well, 'rate_limited', 'rate_limited');
    expect(health.probeAt - at.now).toBe(500);
    const waits = Array.from({ length: 9 }, () => {
      health = afterProbe(health, 'timeout', at);
      return health.probeAt - at.now;
    });
    expect(waits.slice(0, 3)).toEqual([1_000, 2_000, 4_000]);
    expect(waits.at(-1)).toBe(30_000);
    const closed = afterProbe(health, { chainId: OURS, head: 9 }, at);
    expect(stateOf(closed)).toBe('healthy');
    // It fails again at once: as long as before, and longer.
    expect(told(closed, 'rate_limited', 'rate_limited').opened).toBe(health.opened + 1);
    expect(told(closed, 'ok*20', 'rate_limited', 'rate_limited').opened).toBe(1);
  });

  it('of another chain is not used until it answers right, however well it answers', () => {
    const wrong = afterProbe(well, { chainId: 1, head: 9 }, at);
    expect(stateOf(wrong)).toBe('wrong_chain');
    expect(wrong).toMatchObject({ circuit: 'open', wrongChainId: 1, head: null });
    expect(stateOf(told(wrong, 'ok*20'))).toBe('wrong_chain');
    expect(stateOf(afterProbe(wrong, 'timeout', at))).toBe('wrong_chain');
    expect(stateOf(afterProbe(wrong, { chainId: OURS, head: 9 }, at))).toBe('healthy');
  });

  it('that is well stays so after one look that failed', () => {
    expect(stateOf(afterProbe(well, 'timeout', at))).toBe('healthy');
    expect(stateOf(afterProbe(well, 'own_limit', at))).toBe('healthy');
  });
});

describe('the lag of endpoints that were asked at one time', () => {
  const head = (number: number) => ({ number, timestamp: 12 * number });

  it.each<[string, (number | null)[], number, (number | null)[]]>([
    ['is nothing for one', [100], 1, [0]],
    ['is measured against the head that a quorum has', [100, 90, 100], 2, [0, 10, 0]],
    ['is not made by one that invents blocks', [100, 100, 900], 2, [0, 0, 0]],
    ['is not known of one without an answer', [100, null, 98], 2, [0, null, 0]],
    ['is nothing when nobody answers', [null, null], 2, [null, null]],
  ])('%s', (_what, heads, needed, lags) => {
    const seen = lagsOf(
      heads.map((number) => (number === null ? null : head(number))),
      needed,
    );
    expect(seen.map((one) => one?.lag ?? null)).toEqual(lags);
  });

  it('counts when it is many blocks and long', () => {
    const lagging = (number: number, timestamp: number) =>
      lagsOf(
        [
          { number: 100, timestamp: 1_200 },
          { number, timestamp },
        ],
        1,
      )[1]!.lagging;
    expect(lagging(90, 1_080)).toBe(true);
    // Four blocks of twelve seconds; forty blocks of a quarter of a second.
    expect(lagging(96, 1_152)).toBe(false);
    expect(lagging(60, 1_190)).toBe(false);
  });
});
