import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isRefusal, isUuid, refuse } from '../../../../base/kernel/index.ts';
import { sendRefusal } from '../../answer/reply.ts';
import { problems } from '../../answer/schemas.ts';
import { guard } from '../../auth.ts';
import { actorOf, type Services } from '../../services/services.ts';
import type { App, RouteContext } from '../context.ts';
import { EMPTY_BODY } from '../request.ts';
import { scopeOf } from './scope.ts';

const tags = ['x402'];
const text = Type.String();
const time = Type.String({ format: 'date-time' });
const terms = {
  asset: text,
  scheme: text,
  price: text,
  priceAtomic: text,
  usageHeader: Type.Union([text, Type.Null()]),
  unitPrice: Type.Union([text, Type.Null()]),
  unitSize: Type.Union([Type.Integer(), Type.Null()]),
  withoutUsage: Type.Union([text, Type.Null()]),
  payTo: text,
  assetTransferMethod: text,
  upstream: text,
  onFailure: text,
  timeoutMs: Type.Integer(),
  maxResponseBytes: Type.Integer(),
  description: Type.Union([text, Type.Null()]),
};
const Endpoint = Type.Object({
  id: Type.String({ description: 'Of the path, whatever it costs' }),
  merchant: text,
  method: text,
  path: text,
  ...terms,
  status: Type.Enum(['in_force', 'scheduled', 'removed'], {
    description: 'scheduled: the path has no price of its own before effectiveAt',
  }),
  effectiveAt: time,
  pending: Type.Union(
    [
      Type.Object({
        effectiveAt: time,
        terms: Type.Union([Type.Object(terms), Type.Null()]),
      }),
      Type.Null(),
    ],
    { description: 'What takes its place then; terms null: it is taken away' },
  ),
});
const EndpointBody = Type.Object({
  merchant: text,
  method: text,
  path: text,
  asset: text,
  scheme: Type.Optional(text),
  price: text,
  usageHeader: Type.Optional(text),
  unitPrice: Type.Optional(text),
  unitSize: Type.Optional(Type.Integer()),
  withoutUsage: Type.Optional(text),
  payTo: text,
  assetTransferMethod: Type.Optional(text),
  upstream: text,
  onFailure: Type.Optional(text),
  timeoutMs: Type.Optional(Type.Integer()),
  maxResponseBytes: Type.Optional(Type.Integer()),
  description: Type.Optional(text),
});
const NOT_FOUND = refuse('not_found', 'There is no priced endpoint with this id for this key.');

/** Prices in front of upstream APIs. */
export function addEndpointRoutes(app: App, { services }: RouteContext): void {
  addPut(app, services);
  addList(app, services);
  addOne(app, services);
  addVeto(app, services);
}

function addPut(app: App, services: Services): void {
  app.post(
    '/v1/priced-endpoints',
    {
      onRequest: guard(services, 'payments:price'),
      schema: {
        tags,
        summary: 'Put a price on a path of a merchant’s API, in the place of the one that it has',
        description:
          'A path that ends in /* prices everything below it; the longest that fits counts. With `scheme: upto` the price is the most: the answer tells in `usageHeader` how much was used, of which `unitSize` costs `unitPrice`. A higher price is in force at once (201). What sells for less or something else, or sends money or requests elsewhere, waits (202) and can be vetoed until then; so does a path without a price, unless the configuration offers it and it was never sold; what is put after it takes its place. What was offered before is honoured until its challenge runs out.',
        body: EndpointBody,
        response: { 201: Endpoint, 202: Endpoint, ...problems },
      },
    },
    async (request, reply) => {
      if (request.body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const put = await services.gateway.put(await byOf(services, request), request.body);
      if (isRefusal(put)) return sendRefusal(request, reply, put);
      const waits = put.status === 'scheduled' || put.pending !== null;
      return reply.code(waits ? 202 : 201).send(put);
    },
  );
}

function addList(app: App, services: Services): void {
  app.get(
    '/v1/priced-endpoints',
    {
      onRequest: guard(services, 'payments:read'),
      schema: {
        tags,
        summary: 'The prices in force, and what waits',
        response: { 200: Type.Object({ items: Type.Array(Endpoint) }), ...problems },
      },
    },
    async (request) => {
      return { items: await services.gateway.list(await byOf(services, request)) };
    },
  );
}

function addOne(app: App, services: Services): void {
  const params = Type.Object({ id: text });
  app.get(
    '/v1/priced-endpoints/:id',
    {
      onRequest: guard(services, 'payments:read'),
      schema: {
        tags,
        summary: 'A price in force, and what waits',
        params,
        response: { 200: Endpoint, ...problems },
      },
    },
    async (request, reply) => {
      const id = request.params.id.toLowerCase();
      const by = await byOf(services, request);
      const found = isUuid(id) ? await services.gateway.get(by, id) : NOT_FOUND;
      return isRefusal(found) ? sendRefusal(request, reply, found) : reply.send(found);
    },
  );
  app.delete(
    '/v1/priced-endpoints/:id',
    {
      onRequest: guard(services, 'payments:price'),
      schema: {
        tags,
        summary: 'Take a path out of the gateway: what was paid for it is still answered',
        description:
          'At once, also what waits; but it waits where a wider path would answer in its place (pending).',
        params,
        response: { 200: Endpoint, ...problems },
      },
    },
    async (request, reply) => {
      const id = request.params.id.toLowerCase();
      const by = await byOf(services, request);
      const removed = isUuid(id) ? await services.gateway.remove(by, id) : NOT_FOUND;
      return isRefusal(removed) ? sendRefusal(request, reply, removed) : reply.send(removed);
    },
  );
}

function addVeto(app: App, services: Services): void {
  app.post(
    '/v1/priced-endpoints/:id/veto',
    {
      onRequest: guard(services, 'admin:policy'),
      schema: {
        tags,
        summary: 'Stop what waits at a priced endpoint; what is in force stays',
        params: Type.Object({ id: text }),
        body: Type.Object(
          { reason: Type.String({ minLength: 1, maxLength: 255, description: 'Why; kept' }) },
          { additionalProperties: false },
        ),
        response: { 200: Endpoint, ...problems },
      },
    },
    async (request, reply) => {
      if (request.body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const id = request.params.id.toLowerCase();
      const by = await byOf(services, request);
      const left = isUuid(id) ? await services.gateway.veto(by, id, request.body) : NOT_FOUND;
      return isRefusal(left) ? sendRefusal(request, reply, left) : reply.send(left);
    },
  );
}

async function byOf(services: Services, request: FastifyRequest) {
  const { tenantId, merchantId } = await scopeOf(services, request);
  const actor = actorOf(request.principal);
  return { tenantId, merchantId, actor, correlationId: request.id };
}
