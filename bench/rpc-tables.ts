import type { CallsResult } from './calls.ts';
import { type Spread, spreadOf } from './measure.ts';
import { columns, number, spread } from './table.ts';
import type { TrackingResult, TrackingRun } from './tracking.ts';

export function requestsEach({ runs }: CallsResult): Spread {
  return spreadOf(runs.map((run) => run.requests / run.withdrawals));
}

/** Of the tracker's process and PostgreSQL together. */
export function trackingMs(runs: readonly TrackingRun[]): Spread {
  return spreadOf(runs.map((run) => run.workerMs + run.postgresMs));
}

const thousandths = ({ median, low, high }: Spread) =>
  `${median.toFixed(3)} [${low.toFixed(3)}–${high.toFixed(3)}]`;

export function callsTable(result: CallsResult): string[] {
  const { runs, perSecond, lanes } = result;
  const each = (pick: (run: CallsResult['runs'][number]) => number) => spreadOf(runs.map(pick));
  const all = (calls: Record<string, number>) => Object.values(calls).reduce((a, b) => a + b, 0);
  const sent = (calls: Record<string, number>) => calls['eth_sendRawTransaction'] ?? 0;
  const polled = each(({ ruler }) => ruler.requests / ruler.transactions);
  return [
    ...columns([
      [`TO THE NODE (${perSecond}/s, ${lanes} lanes, blocks of 1 s)`, 'a withdrawal'],
      ['requests, health included', thousandths(requestsEach(result))],
      ['calls in them that send', thousandths(each((run) => sent(run.calls) / run.withdrawals))],
      [
        'all others',
        thousandths(each((run) => (all(run.calls) - sent(run.calls)) / run.withdrawals)),
      ],
      ['ruler 4: one request to send, one a second for its receipt', thousandths(polled)],
    ]),
    `${runs[0]!.withdrawals} withdrawals a run, from the first accept to the last COMPLETED`,
  ];
}

export function trackingTable({ cases, blocks, ours, others }: TrackingResult): string[] {
  const of = (runs: readonly TrackingRun[], pick: (run: TrackingRun) => number) =>
    number(spreadOf(runs.map(pick)).median);
  return [
    ...columns([
      ['FOLLOWING BLOCKS', 'CPU ms a block', 'tracker', 'PostgreSQL'],
      ...cases.map(({ case: item, runs }) => [
        `${number(item.inFlight)} in flight, ${number(item.final)} final`,
        spread(trackingMs(runs)),
        of(runs, (run) => run.workerMs),
        of(runs, (run) => run.postgresMs),
      ]),
    ]),
    `Blocks of ${ours} transactions of ours and ${others} of others, ${blocks} a run, of a chain in the process of the tracker`,
  ];
}
