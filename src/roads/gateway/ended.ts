import { type Db, inTransaction, type Sql } from '../../base/db/index.ts';
import type { Refusal } from '../../base/kernel/index.ts';
import { type Claim, complete, type Handler, type Outcome } from '../../base/queue/index.ts';
import { receiptOf } from './call/answers.ts';
import { decideEnd, type Next, retryRefundMs, type Standing } from './call/decide-end.ts';
import { readRequests } from './call/kept.ts';
import {
  type Call,
  noteRefund,
  readCalls,
  setCharged,
  setFailed,
  setPaid,
  setUnpaid,
  takeCall,
} from './call/rows.ts';
import { chargeCall, type Facilitator } from './call/settle.ts';
import { type PricedEndpoint, readEndpoint } from './endpoint/rows.ts';
import type { Forwarder } from './forward/forwarder.ts';
import { GATEWAY_TOPICS } from './topics.ts';

/** Declared here and given by bin. */
type Payments = {
  /** What became of them, by their ids. */
  standings(ids: readonly string[]): Promise<ReadonlyMap<string, Standing>>;
  /** By its own key, which gives the same refund again. */
  refund(
    of: { tenantId: string; merchantId: string },
    paymentId: string,
    request: { idempotencyKey: string; body: unknown; correlationId: string },
  ): Promise<
    { kind: 'created' | 'replayed'; view: { id: string } } | { kind: 'refused'; refusal: Refusal }
  >;
};

type EndContext = {
  db: Db;
  payments: Payments;
  forwarder: Forwarder;
  /** Does not wait for the chain: what it begins is found by the next look. */
  facilitator: Pick<Facilitator, 'settle'>;
};

const CHARGED_MS = 1_000;

/** Looks after every call from its payment on, so that each ends served, unpaid or given back whatever process is gone. */
export function gatewayHandlers(context: EndContext): Handler[] {
  return [
    {
      topic: GATEWAY_TOPICS.end,
      batch: 200,
      backoff: { baseMs: 500, capMs: 30_000, limit: 1_000 },
      run: (claimed) => endStep(context, claimed),
    },
  ];
}

type Refunded = { id: string; refundId: string | null; refused: string | null };
type Taken = { call: Call; endpoint: PricedEndpoint };

/**
 * A crash between a refund and the COMMIT finds the refund by its key. A call is forwarded behind the COMMIT that takes it,
 * with its next look; a crash there, or at the upstream, is one of a forwarder, which that look finds. A charge is begun
 * before the COMMIT: what is taken by then stands in its payment.
 */
async function endStep(context: EndContext, claimed: Claim): Promise<Outcome[]> {
  const { db, forwarder } = context;
  const ids = claimed.jobs.map((job) => job.subjectId);
  const calls = await readCalls(db, { ids });
  const nexts = await nextOf(context, calls);
  const refunded: Refunded[] = [];
  const again = new Map<string, number>();
  for (const { call, next } of nexts) {
    if (next.kind !== 'refund') continue;
    const told = await context.payments.refund(call, call.paymentId, requestOf(call));
    if (told.kind !== 'refused') {
      refunded.push({ id: call.id, refundId: told.view.id, refused: null });
      continue;
    }
    const { code } = told.refusal;
    const delayMs = retryRefundMs(code);
    if (delayMs === null) refunded.push({ id: call.id, refundId: null, refused: code });
    else again.set(call.id, delayMs);
  }
  await chargeAll(context, nexts);
  const outcomes = nexts.flatMap(({ call, next }) => waitOf(call, next, again));
  const waiting = new Set(outcomes.map(({ subjectId }) => subjectId));
  const taken = await inTransaction(db, async (sql) => {
    const ours = await complete(
      sql,
      claimed,
      ids.filter((id) => !waiting.has(id)),
    );
    await noteRefund(
      sql,
      refunded.filter(({ id }) => ours.has(id)),
    );
    const forwarding: Taken[] = [];
    for (const one of nexts) {
      const taken = ours.has(one.call.id) ? await act(sql, one) : null;
      if (taken !== null) forwarding.push(taken);
    }
    return forwarding;
  });
  const requests = await readRequests(
    db,
    taken.map(({ call }) => call.id),
  );
  for (const { call, endpoint } of taken) {
    const request = requests.get(call.id);
    if (request !== undefined) forwarder.forwardAlone(call, endpoint, request);
  }
  return outcomes;
}

async function nextOf(
  { payments }: EndContext,
  calls: readonly Call[],
): Promise<{ call: Call; next: Next }[]> {
  const paying = calls.filter(({ status }) => status === 'PAYING' || status === 'CHARGING');
  const standings = await payments.standings(paying.map(({ paymentId }) => paymentId));
  return calls.map((call) => ({ call, next: decideEnd(call, standings.get(call.paymentId)) }));
}

/** Takes what answers came to whose process is gone. What can not be taken now is looked at again. */
async function chargeAll(
  context: EndContext,
  nexts: readonly { call: Call; next: Next }[],
): Promise<void> {
  const charging = nexts.filter(({ next }) => next.kind === 'charge');
  await Promise.all(charging.map(({ call }) => chargeCall(context, call)));
}

function waitOf(
  { id: subjectId }: Call,
  next: Next,
  again: ReadonlyMap<string, number>,
): Extract<Outcome, { kind: 'wait' }>[] {
  if (next.kind === 'wait') return [{ ...next, subjectId }];
  if (next.kind === 'charge') {
    return [{ kind: 'wait', subjectId, delayMs: CHARGED_MS, reason: 'it is being charged' }];
  }
  const delayMs = again.get(subjectId);
  if (delayMs === undefined) return [];
  return [{ kind: 'wait', subjectId, delayMs, reason: 'its refund can not be made now' }];
}

/** The call that is to be forwarded now; null: nothing is. Whoever moved it meanwhile has it. */
async function act(sql: Sql, { call, next }: { call: Call; next: Next }): Promise<Taken | null> {
  if (next.kind === 'fail') await setFailed(sql, call, 'upstream_unknown');
  if (next.kind === 'unpaid') await setUnpaid(sql, call, next.reason);
  if (next.kind === 'serve') await setCharged(sql, call, receiptOf(next.receipt));
  if (next.kind !== 'forward') return null;
  const endpoint = (await readEndpoint(sql, call.endpointId))!;
  const receipt = next.receipt === null ? call.receipt : receiptOf(next.receipt);
  if (next.receipt !== null) await setPaid(sql, call, receipt!);
  const paid: Call = { ...call, status: 'PAID', receipt };
  const taken = await takeCall(sql, paid, endpoint.timeoutMs);
  return taken ? { call: { ...paid, status: 'FORWARDING' }, endpoint } : null;
}

function requestOf({ id, correlationId }: Call) {
  const reason = 'the API behind the gateway did not answer';
  return { idempotencyKey: `gateway:${id}`, body: { reason }, correlationId };
}
