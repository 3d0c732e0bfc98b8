import { type Clock, Transient } from '../../base/kernel/index.ts';
import type { PublicStatus, WithdrawalView } from '../../roads/withdrawal/index.ts';
import { type ApiClient, ApiProblem } from './api-client.ts';

/** The road of a withdrawal that goes well. */
const ROAD: readonly PublicStatus[] = [
  'REQUESTED',
  'RESERVED',
  'AWAITING_APPROVAL',
  'APPROVED',
  'SIGNED',
  'BROADCASTED',
  'INCLUDED',
  'SAFE',
  'FINALIZED',
  'COMPLETED',
];
const ENDS = new Set<PublicStatus>([
  'COMPLETED',
  'RESETTLED',
  'REJECTED',
  'CANCELLED',
  'EXPIRED',
  'FAILED',
]);

export function isEnd(status: PublicStatus): boolean {
  return ENDS.has(status);
}

/**
 * Stages reached since `last` was seen, oldest first. A stage between two looks was passed without
 * being told; approval and finality are told when they are seen, as not every road has them. Pure.
 */
export function stagesSince(last: PublicStatus | null, view: WithdrawalView): PublicStatus[] {
  if (view.status === last) return [];
  const to = ROAD.indexOf(view.status);
  if (to < 0) return [view.status];
  const from = last === null ? -1 : ROAD.indexOf(last);
  return ROAD.slice(from + 1, to + 1).filter(
    (stage) =>
      stage === view.status ||
      (stage === 'FINALIZED'
        ? view.confirmation.level === 'finalized'
        : stage !== 'REQUESTED' && stage !== 'AWAITING_APPROVAL'),
  );
}

export type Reader = Pick<ApiClient, 'request' | 'url'>;

type Following = {
  client: Reader;
  id: string;
  clock: Clock;
  everyMs: number;
  timeoutMs: number;
  onStage(stage: PublicStatus, view: WithdrawalView): void;
  signal?: AbortSignal;
};

/**
 * Watches a withdrawal to its end, through failures of single reads. Returns its last state: not an
 * end when time ran out or the signal aborted. Throws ApiProblem when the API refuses the read.
 */
export async function followWithdrawal(following: Following): Promise<WithdrawalView> {
  const { client, clock, signal } = following;
  const deadline = clock.monotonic() + following.timeoutMs;
  let last: PublicStatus | null = null;
  for (;;) {
    const view = await readOnce(following);
    if (view !== null) {
      for (const stage of stagesSince(last, view)) following.onStage(stage, view);
      last = view.status;
      if (isEnd(view.status)) return view;
    }
    if (signal?.aborted || clock.monotonic() >= deadline) {
      if (view !== null) return view;
      throw new Transient(`the API at ${client.url} did not answer: is it running?`);
    }
    await clock.sleep(following.everyMs, signal);
  }
}

/** Null when the API could not answer now: a restart of it must not end the watch. */
async function readOnce({ client, id }: Following): Promise<WithdrawalView | null> {
  try {
    const path = `/v1/withdrawals/${encodeURIComponent(id)}`;
    return (await client.request<WithdrawalView>({ method: 'GET', path })).body;
  } catch (error) {
    if (error instanceof Transient) return null;
    if (error instanceof ApiProblem && (error.status >= 500 || error.status === 429)) return null;
    throw error;
  }
}
