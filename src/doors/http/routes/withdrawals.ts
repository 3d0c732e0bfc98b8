import { Type } from 'typebox';
import { Invariant, isRefusal, isUuid, type Refusal, refuse } from '../../../base/kernel/index.ts';
import { PUBLIC_STATUSES, type Verdict } from '../../../roads/withdrawal/index.ts';
import { ANSWERS, problemOfRefusal } from '../answer/error-map.ts';
import { sendRefusal } from '../answer/reply.ts';
import {
  BatchAnswer,
  BatchBody,
  KeyHeader,
  problems,
  Withdrawal,
  WithdrawalBody,
  WithdrawalPage,
  WithdrawalParams,
} from '../answer/schemas.ts';
import { guard, refusedNow } from '../auth.ts';
import { encodeCursor, type List, readIdCursor } from '../cursor.ts';
import { integer, matching, oneOf, querySchema, readQuery } from '../query.ts';
import { callerOf } from '../rate-limits.ts';
import type { Order, Services } from '../services/services.ts';
import type { App, RouteContext } from './context.ts';
import {
  EMPTY_BODY,
  fault,
  headerKey,
  isObject,
  judgeKey,
  limit,
  NOT_FOUND,
  sendVerdict,
} from './request.ts';

const MAX_BATCH = 1000;
const tags = ['Withdrawals'];

const FILTERS = {
  idempotencyKey: matching(/^[\x21-\x7e]{1,255}$/, '1 to 255 visible ASCII characters', {
    description: 'The key of the request',
  }),
  externalId: matching(/^[^\p{Cc}\p{Cs}]{1,255}$/u, '1 to 255 printable characters', {
    description: 'The externalId of the request',
  }),
  txHash: matching(/^0x[0-9a-fA-F]{64}$/, '0x and 64 hex digits', {
    description: 'The hash of any of its attempts',
    fold: true,
  }),
  nonceKey: matching(/^\d{1,20}:0x[0-9a-fA-F]{40}:\d{1,20}$/, 'chain:from:nonce', {
    description: 'The nonce slot',
    fold: true,
  }),
  attemptId: matching(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, 'a UUID', {
    description: 'The id of any of its attempts',
    fold: true,
  }),
  account: matching(/^[A-Za-z0-9._:-]{1,128}$/, '1 to 128 characters of A-Z a-z 0-9 . _ : -', {
    description: 'The account it is paid from',
  }),
  status: oneOf(PUBLIC_STATUSES, 'The furthest stage reached'),
};

const LIST_QUERY = {
  ...FILTERS,
  limit,
  cursor: matching(/^/, 'a cursor', { description: 'The cursor of the page before' }),
};

const GET_QUERY = {
  waitFor: oneOf(PUBLIC_STATUSES, 'Answer at this stage or beyond, or at any end'),
  timeoutMs: integer({
    from: 0,
    to: 60_000,
    default: 30_000,
    description: 'How long to wait; then 200 with the present state',
  }),
};

const EvidenceFile = Type.Unsafe<string>({
  type: 'object',
  additionalProperties: true,
  description: 'To be kept byte for byte: `payonce evidence check` judges the bytes',
});

export function addWithdrawalRoutes(app: App, context: RouteContext): void {
  addCreate(app, context.services);
  addBatch(app, context.services);
  addReads(app, context);
  addEvidence(app, context.services);
}

function addCreate(app: App, services: Services): void {
  app.post(
    '/v1/withdrawals',
    {
      onRequest: guard(services, 'withdrawals:create'),
      schema: {
        tags,
        summary: 'Request a withdrawal; 202: durable, and the money is set aside',
        headers: KeyHeader,
        body: WithdrawalBody,
        response: { 202: Withdrawal, ...problems },
      },
    },
    async (request, reply) => {
      const idempotencyKey = headerKey(request);
      if (typeof idempotencyKey !== 'string') return sendRefusal(request, reply, idempotencyKey);
      if (request.body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const { personId } = request.principal;
      const order = {
        ...{ idempotencyKey, body: request.body },
        ...{ correlationId: request.id, initiatedBy: personId },
      };
      const [verdict] = await services.submit(request.principal.tenantId, [order]);
      if (verdict === undefined) throw new Invariant('internal', 'no verdict for the request');
      return sendVerdict(request, reply, verdict);
    },
  );
}

function addBatch(app: App, services: Services): void {
  app.post(
    '/v1/withdrawals/batch',
    {
      onRequest: guard(services, 'withdrawals:create'),
      schema: {
        tags,
        summary: 'Request up to 1,000 withdrawals; each succeeds or fails alone',
        body: BatchBody,
        response: { 202: BatchAnswer, ...problems },
      },
    },
    async (request, reply) => {
      const items = readBatch(request.body);
      if (isRefusal(items)) return sendRefusal(request, reply, items);
      services.rateLimits.charge(callerOf(request.principal), items.length - 1);
      const read = items.map((item) => readItem(item, request.id, request.principal.personId));
      const orders = read.filter((item): item is Order => !isRefusal(item));
      const verdicts =
        orders.length === 0 ? [] : await services.submit(request.principal.tenantId, orders);
      if (verdicts.length !== orders.length) {
        throw new Invariant('internal', `${verdicts.length} verdicts for ${orders.length} items`);
      }
      let next = 0;
      const results = read.map((item) => {
        const refused = { kind: 'refused' as const, refusal: item as Refusal, replayed: false };
        return resultOf(isRefusal(item) ? refused : verdicts[next++]!, request.id);
      });
      return reply.code(202).send({ results });
    },
  );
}

function resultOf(verdict: Verdict, correlationId: string) {
  if (verdict.kind !== 'refused') {
    return { status: 202, replayed: verdict.kind === 'replayed', withdrawal: verdict.view };
  }
  const { refusal, replayed } = verdict;
  const { status } = ANSWERS[refusal.code];
  return { status, replayed, problem: problemOfRefusal(refusal, correlationId) };
}

function readBatch(body: unknown): unknown[] | Refusal {
  if (body === undefined) return EMPTY_BODY;
  if (!isObject(body)) return fault('', 'invalid_request', body, 'an object with withdrawals');
  const stranger = Object.keys(body).find((name) => name !== 'withdrawals');
  if (stranger !== undefined) {
    return fault(`/${stranger.slice(0, 100)}`, 'unknown_field', stranger, 'withdrawals only');
  }
  const items = body['withdrawals'];
  if (!Array.isArray(items)) {
    return fault('/withdrawals', 'invalid_request', items, 'a list of withdrawals');
  }
  if (items.length === 0) return refuse('batch_empty', 'The batch holds no withdrawals.');
  if (items.length > MAX_BATCH) {
    const detail = `The batch holds ${items.length} withdrawals; at most ${MAX_BATCH} are taken.`;
    return refuse('batch_too_large', detail);
  }
  return items;
}

function readItem(item: unknown, correlationId: string, initiatedBy: string): Order | Refusal {
  if (!isObject(item)) return fault('', 'invalid_request', item, 'an object');
  const { idempotencyKey, ...body } = item;
  const key = judgeKey(idempotencyKey, 'The item needs an idempotencyKey');
  return typeof key === 'string' ? { idempotencyKey: key, body, correlationId, initiatedBy } : key;
}

function addReads(app: App, { services, drain }: RouteContext): void {
  const onRequest = guard(services, 'withdrawals:read');
  app.get(
    '/v1/withdrawals',
    {
      onRequest,
      schema: {
        tags,
        summary: 'List withdrawals, newest first; filters combine by AND',
        querystring: querySchema(LIST_QUERY),
        response: { 200: WithdrawalPage, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(LIST_QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const { limit: size = limit.fallback, cursor, ...filter } = query;
      const { tenantId } = request.principal;
      const list: List = { kind: 'withdrawals', tenantId };
      const before = cursor === undefined ? null : readIdCursor(list, cursor);
      if (isRefusal(before)) return sendRefusal(request, reply, before);
      const found = await services.list(tenantId, filter, { limit: size + 1, before });
      const withdrawals = found.slice(0, size);
      const more = found.length > size ? encodeCursor(list, withdrawals.at(-1)!.id) : null;
      return reply.send({ withdrawals, cursor: more });
    },
  );
  app.get(
    '/v1/withdrawals/:id',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Read one withdrawal, or wait for a stage of it',
        params: WithdrawalParams,
        querystring: querySchema(GET_QUERY),
        response: { 200: Withdrawal, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(GET_QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const { waitFor, timeoutMs = 30_000 } = query;
      const { tenantId } = request.principal;
      const id = request.params.id.toLowerCase();
      if (!isUuid(id)) return sendRefusal(request, reply, NOT_FOUND);
      if (waitFor === undefined) {
        const view = await services.get(tenantId, id);
        return view === null ? sendRefusal(request, reply, NOT_FOUND) : reply.send(view);
      }
      const signal = drain.signalFor(reply.raw);
      const waited = await services.waitFor(tenantId, id, waitFor, timeoutMs, signal);
      // Minutes may have passed: a key revoked meanwhile reads nothing.
      const refusal = await refusedNow(services, request, 'withdrawals:read');
      if (refusal !== null) return sendRefusal(request, reply, refusal);
      // An aborted wait may give nothing; when the server ends, the present state is still owed.
      const view = waited === null && signal.aborted ? await services.get(tenantId, id) : waited;
      return view === null ? sendRefusal(request, reply, NOT_FOUND) : reply.send(view);
    },
  );
}

function addEvidence(app: App, services: Services): void {
  app.get(
    '/v1/withdrawals/:id/evidence',
    {
      onRequest: guard(services, 'withdrawals:read'),
      schema: {
        tags,
        summary: 'Export the evidence of a withdrawal, to be checked without access to this system',
        description: 'What is younger than some seconds is in it without a proof: ask again.',
        params: WithdrawalParams,
        response: { 200: EvidenceFile, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery({}, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const id = request.params.id.toLowerCase();
      const { tenantId } = request.principal;
      const text = isUuid(id) ? await services.evidence(tenantId, id) : null;
      if (text === null) return sendRefusal(request, reply, NOT_FOUND);
      // A string goes out as it is.
      return reply.type('application/json; charset=utf-8').send(text);
    },
  );
}
