import { advance, HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import {
  fromHex,
  GATEWAY_CALL,
  type GatewayCallState,
  type Hex,
} from '../../../base/kernel/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import type { OnFailure } from '../endpoint/rows.ts';
import { GATEWAY_TOPICS } from '../topics.ts';
import type { KeptAnswer, KeptRequest } from './kept.ts';

/** What was asked for an unpaid request, bound to it. */
export type Challenge = { id: string; endpointId: string; requestHash: Hex; expired: boolean };

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

export async function insertChallenge(
  sql: Sql,
  of: { endpointId: string; requestHash: Hex; lifeMs: number },
): Promise<string> {
  const { rows } = await sql.query<{ id: string }>({
    name: 'challenge_insert',
    text: `INSERT INTO challenge (endpoint_id, request_hash, expires_at)
      VALUES ($1, $2, now() + $3 * interval '1 millisecond') RETURNING challenge_id AS id`,
    values: [of.endpointId, fromHex(of.requestHash), of.lifeMs],
  });
  return rows[0]!.id;
}

export async function readChallenge(sql: Sql, id: string): Promise<Challenge | null> {
  const { rows } = await sql.query<Challenge>({
    name: 'challenge_read',
    types: HEX_BYTES,
    text: `SELECT challenge_id AS id, endpoint_id AS "endpointId", request_hash AS "requestHash",
        expires_at < now() AS expired FROM challenge WHERE challenge_id = $1`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** Challenges that nobody paid and nobody can any more. Returns how many there were. */
export async function dropChallenges(sql: Sql): Promise<number> {
  const { rowCount } = await sql.query(
    `DELETE FROM challenge WHERE challenge_id IN (
       SELECT challenge_id FROM challenge WHERE expires_at < now() - interval '1 hour' LIMIT 10000)`,
  );
  return rowCount ?? 0;
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
> & { signatureHash: Hex; request: KeptRequest };

/**
 * Gives a challenge to the first payment that was signed for it, one call for each, with the request and the job that
 * looks after it should its process be gone; in the caller's transaction. False: challenge or payment have theirs.
 */
export async function openCall(sql: Sql, of: Opened): Promise<boolean> {
  const { body, ...request } = of.request;
  const { rowCount } = await sql.query({
    name: 'call_open',
    text: `WITH made AS (
        INSERT INTO gateway_call (call_id, tenant_id, endpoint_id, request_hash, authorization_id, payment_id,
          correlation_id, status, request, request_body, signature_hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'PAYING', $8, $9, $10) ON CONFLICT DO NOTHING
        RETURNING call_id, tenant_id, correlation_id
      ), used AS (DELETE FROM challenge WHERE challenge_id IN (SELECT call_id FROM made))
      INSERT INTO event_batch (tenant_id, type, to_state, size, subject_ids, correlation_ids)
      SELECT tenant_id, 'gateway_call', 'PAYING', 1, ARRAY[call_id], ARRAY[correlation_id] FROM made`,
    values: [
      of.id,
      of.tenantId,
      of.endpointId,
      fromHex(of.requestHash),
      fromHex(of.authorizationId),
      of.paymentId,
      of.correlationId,
      JSON.stringify(request),
      body,
      fromHex(of.signatureHash),
    ],
  });
  if (rowCount !== 1) return false;
  await lookAfter(sql, of, ABANDONED_MS);
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

/** An authorization names its call to who brings the signature too, since the chain shows the rest to everybody. */
type CallKey =
  | { id: string }
  | { authorizationId: Hex; signatureHash: Hex }
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
        c.authorization_id AS "authorizationId", c.payment_id AS "paymentId", c.status, c.receipt,
        coalesce(c.forwarding_until < now(), false) AS overdue,
        coalesce(extract(epoch FROM c.forwarding_until - now()) * 1000, 0)::float8 AS "dueInMs",
        c.failure_code AS "failureCode", c.refund_id AS "refundId", c.refund_refused AS "refundRefused",
        c.correlation_id AS "correlationId"
      FROM gateway_call c JOIN priced_endpoint e USING (endpoint_id)
      WHERE c.call_id = ANY($1::uuid[]) OR (c.authorization_id = $2 AND c.signature_hash = $4)
        OR c.payment_id = $3`,
    values: [
      ids,
      'authorizationId' in of ? fromHex(of.authorizationId) : null,
      'paymentId' in of ? of.paymentId : null,
      'signatureHash' in of ? fromHex(of.signatureHash) : null,
    ],
  });
  return rows;
}

export async function setPaid(sql: Sql, call: Call, receipt: object): Promise<void> {
  await move(sql, call, 'PAID', { receipt: { type: 'jsonb', value: JSON.stringify(receipt) } });
}

/** A call that has ended needs its request no more. */
const DROPPED = {
  request: { type: 'jsonb', value: null },
  request_body: { type: 'bytea', value: null },
};

export async function setUnpaid(sql: Sql, call: Call, failureCode: string): Promise<void> {
  await move(sql, call, 'UNPAID', {
    ...DROPPED,
    failure_code: { type: 'text', value: failureCode },
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
    kept_until: { type: 'timestamptz', value: keptUntil },
    answer_status: { type: 'int', value: answer.status },
    answer_headers: { type: 'jsonb', value: JSON.stringify(answer.headers) },
    answer_body: { type: 'bytea', value: answer.body },
    failure_code: { type: 'text', value: null },
  });
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
): Promise<boolean> {
  const columns = Object.entries(set).map(([name, { type, value }]) => [
    name,
    { type, values: [value] },
  ]);
  const moved = await advance(
    sql,
    GATEWAY_CALL,
    [{ id, from: status, to }],
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
