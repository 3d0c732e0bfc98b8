import { type Spread, spreadOf } from '../measure.ts';
import { BLOCK_SECONDS } from '../node.ts';
import { columns, number, spread } from '../table.ts';
import type { Level, X402Result } from './measure.ts';

type Side = 'ours' | 'stock';

function of(
  { rounds }: X402Result,
  side: Side,
  at: number,
  pick: (level: Level) => number,
): Spread {
  return spreadOf(rounds.map((round) => pick(round[side][at]!)));
}

const blocks = (ms: number) => ms / 1_000 / BLOCK_SECONDS;
const rate = ({ perSecond }: Level) => perSecond;
const requests = ({ node, settled }: Level) => node.requests / settled;
const calls = ({ node, settled }: Level) => node.calls / settled;

export function x402Table(result: X402Result): string[] {
  const { lanes, rounds } = result;
  const head = [
    'settles/s',
    'settled %',
    'p50 blocks',
    'p99 blocks',
    'requests each',
    'calls each',
  ];
  const rows = (['ours', 'stock'] as const).flatMap((side) =>
    rounds[0]![side].map(({ inFlight }, at) => [
      `${side}, ${inFlight} in flight`,
      spread(of(result, side, at, rate)),
      number(of(result, side, at, ({ settled, payments }) => (100 * settled) / payments).median),
      of(result, side, at, ({ settleMs }) => blocks(settleMs.p50)).median.toFixed(2),
      of(result, side, at, ({ settleMs }) => blocks(settleMs.p99)).median.toFixed(2),
      of(result, side, at, requests).median.toFixed(2),
      of(result, side, at, calls).median.toFixed(2),
    ]),
  );
  const verify = spreadOf(rounds.map((round) => round.verify.perCore));
  const answered = spreadOf(rounds.map((round) => round.verify.perSecond));
  return [
    ...columns([[`X402 (${lanes} lanes, blocks of ${BLOCK_SECONDS} s)`, ...head], ...rows]),
    `verify: ${spread(answered)}/s answered, ${spread(verify)} a core of the api's CPU; stock: the packages' facilitator with a nonce manager and receipts polled for every 100 ms`,
  ];
}

type Found = [what: string, wanted: number, found: number, most?: 'most'];

export function x402Targets(result: X402Result): Found[] {
  const { rounds } = result;
  const last = rounds[0]!.ours.length - 1;
  const { inFlight } = rounds[0]!.ours[last]!;
  const ratio = of(result, 'ours', last, rate).median / of(result, 'stock', last, rate).median;
  const worst = (pick: (level: Level) => number) =>
    Math.max(...rounds[0]!.ours.map((_, at) => of(result, 'ours', at, pick).median));
  return [
    [
      'x402, settled %',
      100,
      100 - worst(({ settled, payments }) => 100 - (100 * settled) / payments),
    ],
    [`x402, settles/s ÷ stock, ${inFlight} in flight`, 10, ratio],
    ['x402, settle p50, blocks', 1.2, worst(({ settleMs }) => blocks(settleMs.p50)), 'most'],
    ['x402, settle p99, blocks', 3, worst(({ settleMs }) => blocks(settleMs.p99)), 'most'],
    [
      `x402, calls to the node a payment, ${inFlight} in flight`,
      1,
      of(result, 'ours', last, calls).median,
      'most',
    ],
    ['x402, verify/s a core', 3_000, spreadOf(rounds.map((round) => round.verify.perCore)).median],
  ];
}
