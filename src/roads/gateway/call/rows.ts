import { advance, HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import {
  fromHex,
  GATEWAY_CALL,
  type GatewayCallState,
  type Hex,
} from '../../../base/kernel/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import type { Charge } from '../charge/decide-charge.ts';
import type { OnFailure } from '../endpoint/rows.ts';
import { GATEWAY_TOPICS } from '../topics.ts';
import type { KeptAnswer, KeptPayment, KeptRequest } from './kept.ts';

/** A request that its challenge's payment was signed for. */
export type Call = {
  id: string;
  tenantId: string;
  merchantId: string;
  endpointId: string;
  onFailure: OnFailure;
  requestHash: Hex;
  authorizationId: Hex;
  paymentId: string;
  status: GatewayCallState;
  /** What its payer signed for, of a call that is charged by its answer; null: its price is paid before. */
  most: bigint | null;
  /** What its answer came to; null: there is none yet, or it was paid before. */
  charge: bigint | null;
  /** What PAYMENT-RESPONSE says. */
  receipt: Record<string, unknown> | null;
  /** Whoever forwards it has gone by then. */
  overdue: boolean;
  dueInMs: number;
  failureCode: string | null;
  refundId: string | null;
  refundRefused: string | null;
  correlationId: string;
};

/** Who holds a request that was forwarded has this much more than the upstream to write down the answer. */
const MARGIN_MS = 5_000;

/** Whoever took a request has so long to bring it to its upstream; then the job that looks after it does. */
const ABANDONED_MS = 20_000;

/** Who has written down an answer has so long to have it paid before the job looks, too. */
const CHARGING_MS = 10_000;

/** So long before its authorization ends a call that is charged by its answer has to begin. */
export function neededMs({ timeoutMs }: { timeoutMs: number }): number {
  return timeoutMs + MARGIN_MS + CHARGING_MS;
}

type Opened = Pick<
  Call,
  | 'id'
  | 'tenantId'
  | 'endpointId'
  | 'requestHash'
  | 'authorizationId'
  | 'paymentId'
  | 'correlationId'
> & {
  signatureHash: Hex;
  request: KeptRequest;
  /** Of a call that is charged by its answer, and forwarded by who opens it. */
  charged: { most: bigint; payment: KeptPayment; timeoutMs: number } | null;
};

/**
 * Gives a challenge to the first payment that was signed for it, one call for each, with the request and the job that
 * looks after it should its process be gone; in the caller's transaction. False: challenge or payment have theirs.
 */
export async function openCall(sql: Sql, of: Opened): Promise<boolean> {
  const { body, ...request } = of.request;
  const { charged } = of;
  const holdMs = charged && charged.timeoutMs + MARGIN_MS;
  const { rowCount } = await sql.query({
    name: 'call_open',
    text: `WITH made AS (
        INSERT INTO gateway_call (call_id, tenant_id, endpoint_id, request_hash, authorization_id, payment_id,
          correlation_id, status, request, request_body, signature_hash, most, payment, forwarding_until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, now() + $14 * interval '1 millisecond')
        ON CONFLICT DO NOTHING RETURNING call_id, tenant_id, correlation_id, status
      ), used AS (DELETE FROM challenge WHERE challenge_id IN (SELECT call_id FROM made))
      INSERT INTO event_batch (tenant_id, type, to_state, size, subject_ids, correlation_ids)
      SELECT tenant_id, 'gateway_call', status, 1, ARRAY[call_id], ARRAY[correlation_id] FROM made`,
    values: [
      of.id,
      of.tenantId,
      of.endpointId,
      fromHex(of.requestHash),
      fromHex(of.authorizationId),
      of.paymentId,
      of.correlationId,
      charged === null ? 'PAYING' : 'FORWARDING',
      JSON.stringify(request),
      body,
      fromHex(of.signatureHash),
      charged?.most ?? null,
      charged && JSON.stringify(charged.payment),
      holdMs,
    ],
  });
  if (rowCount !== 1) return false;
  await lookAfter(sql, of, holdMs ?? ABANDONED_MS);
  return true;
}

function lookAfter(
  sql: Sql,
  {
    id: subjectId,
    tenantId,
    correlationId: trace,
  }: Pick<Call, 'id' | 'tenantId' | 'correlationId'>,
  delayMs: number,
): Promise<void> {
  return enqueue(sql, [{ topic: GATEWAY_TOPICS.end, subjectId, tenantId, trace, delayMs }]);
}

/**
 * An authorization names its call to who brings its signature, and the challenge that it was signed for: the chain shows
 * all the rest to everybody.
 */
type CallKey =
  | { id: string }
  | { authorizationId: Hex; signatureHash: Hex; challengeId: string }
  | { paymentId: string };

export async function readCall(sql: Sql, of: CallKey): Promise<Call | null> {
  const [found] = await readCalls(sql, of);
  return found ?? null;
}

/** By one key, or all of a list of ids. */
export async function readCalls(
  sql: Sql,
  of: CallKey | { ids: readonly string[] },
): Promise<Call[]> {
  const ids = 'ids' in of ? of.ids : 'id' in of ? [of.id] : [];
  const { rows } = await sql.query<Call>({
    name: 'call_read',
    types: HEX_BYTES,
    text: `SELECT c.call_id AS id, c.tenant_id AS "tenantId", e.merchant_id AS "merchantId",
        c.endpoint_id AS "endpointId", e.on_failure AS "onFailure", c.request_hash AS "requestHash",
        c.authorization_id AS "authorizationId", c.payment_id AS "paymentId", c.status, c.most, c.charge, c.receipt,
        coalesce(c.forwarding_until < now(), false) AS overdue,
        coalesce(extract(epoch FROM c.forwarding_until - now()) * 1000, 0)::float8 AS "dueInMs",
        c.failure_code AS "failureCode", c.refund_id AS "refundId", c.refund_refused AS "refundRefused",
        c.correlation_id AS "correlationId"
      FROM gateway_call c JOIN priced_endpoint e USING (endpoint_id)
      WHERE c.call_id = ANY($1::uuid[]) OR (c.authorization_id = $2 AND c.signature_hash = $4 AND c.call_id = $5)
        OR c.payment_id = $3`,
    values: [
      ids,
      'authorizationId' in of ? fromHex(of.authorizationId) : null,
      'paymentId' in of ? of.paymentId : null,
      'signatureHash' in of ? fromHex(of.signatureHash) : null,
      'challengeId' in of ? of.challengeId : null,
    ],
  });
  return rows;
}

export async function setPaid(sql: Sql, call: Call, receipt: object): Promise<void> {
  await move(sql, call, 'PAID', { receipt: { type: 'jsonb', value: JSON.stringify(receipt) } });
}

/** A call that has ended needs its request and its payment no more. */
const DROPPED = {
  request: { type: 'jsonb', value: null },
  request_body: { type: 'bytea', value: null },
  payment: { type: 'jsonb', value: null },
};

/** An answer that nobody paid for is nobody's. */
export async function setUnpaid(sql: Sql, call: Call, failureCode: string): Promise<void> {
  await move(sql, call, 'UNPAID', {
    ...DROPPED,
    ...answerColumns(null),
    failure_code: { type: 'text', value: failureCode },
  });
}

/**
 * The answer with what it costs, in one record, before anybody is told or charged; in the caller's transaction. False: it
 * came too late, and nothing is charged.
 */
export async function setCharging(
  sql: Sql,
  call: Call,
  { charge, ...kept }: { answer: KeptAnswer; keptUntil: Date; charge: Charge },
): Promise<boolean> {
  await lookAfter(sql, call, CHARGING_MS);
  const { payment: _, ...dropped } = DROPPED;
  const { amount, fault } = charge;
  const charged = {
    ...dropped,
    ...answerColumns(kept),
    charge: { type: 'numeric', value: amount },
  };
  const told = { charge: amount.toString(), most: String(call.most), usageFault: fault };
  return move(sql, call, 'CHARGING', charged, told);
}

/** Paid what its answer came to: that may be told. */
export async function setCharged(sql: Sql, call: Call, receipt: object): Promise<void> {
  await move(sql, call, 'SERVED', {
    receipt: { type: 'jsonb', value: JSON.stringify(receipt) },
    payment: DROPPED.payment,
  });
}

/** Takes a paid request to forward it, with the job that looks after it: one has it. In the caller's transaction. */
export async function takeCall(sql: Sql, call: Call, timeoutMs: number): Promise<boolean> {
  const delayMs = timeoutMs + MARGIN_MS;
  const { rows } = await sql.query<{ until: Date }>(
    `SELECT now() + $1 * interval '1 millisecond' AS until`,
    [delayMs],
  );
  const { until } = rows[0]!;
  // Jobs before calls, as the step that looks after them has it; a look in vain is none.
  await lookAfter(sql, call, delayMs);
  return move(sql, call, 'FORWARDING', {
    forwarding_until: { type: 'timestamptz', value: until },
  });
}

/** The answer, kept for whoever asks again by then. */
export function setServed(
  sql: Sql,
  call: Call,
  { answer, keptUntil }: { answer: KeptAnswer; keptUntil: Date },
): Promise<boolean> {
  return move(sql, call, 'SERVED', {
    ...DROPPED,
    ...answerColumns({ answer, keptUntil }),
    failure_code: { type: 'text', value: null },
  });
}

function answerColumns(kept: { answer: KeptAnswer; keptUntil: Date } | null) {
  const answer = kept?.answer;
  return {
    kept_until: { type: 'timestamptz', value: kept?.keptUntil ?? null },
    answer_status: { type: 'int', value: answer?.status ?? null },
    answer_headers: { type: 'jsonb', value: answer ? JSON.stringify(answer.headers) : null },
    answer_body: { type: 'bytea', value: answer?.body ?? null },
  };
}

/** What comes of a request whose upstream failed: tried again when it is asked again, or over, with its refund to come. */
export async function setFailed(sql: Sql, call: Call, failureCode: string): Promise<boolean> {
  const to = call.onFailure === 'retry' ? 'PAID' : 'FAILED';
  if (call.onFailure === 'refund') await lookAfter(sql, call, 0);
  return move(sql, call, to, {
    ...(to === 'FAILED' ? DROPPED : {}),
    failure_code: { type: 'text', value: failureCode },
  });
}

/** From where it stood when it was read; false: it stands elsewhere. */
async function move(
  sql: Sql,
  { id, status }: Call,
  to: GatewayCallState,
  set: Record<string, { type: string; value: unknown }>,
  data?: Record<string, unknown>,
): Promise<boolean> {
  const columns = Object.entries(set).map(([name, { type, value }]) => [
    name,
    { type, values: [value] },
  ]);
  const moved = await advance(
    sql,
    GATEWAY_CALL,
    [{ id, from: status, to, ...(data === undefined ? {} : { data }) }],
    Object.fromEntries(columns),
  );
  return moved.has(id);
}

export async function noteRefund(
  sql: Sql,
  noted: readonly { id: string; refundId: string | null; refused: string | null }[],
): Promise<void> {
  if (noted.length === 0) return;
  await sql.query({
    name: 'call_refund',
    text: `UPDATE gateway_call c SET refund_id = u.refund_id, refund_refused = u.refused
      FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS u(call_id, refund_id, refused)
      WHERE c.call_id = u.call_id`,
    values: [
      noted.map(({ id }) => id),
      noted.map(({ refundId }) => refundId),
      noted.map(({ refused }) => refused),
    ],
  });
}
