import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isRefusal, isUuid, refuse } from '../../../../base/kernel/index.ts';
import { guard } from '../../auth.ts';
import { sendRefusal } from '../../reply.ts';
import { problems } from '../../schemas.ts';
import { actorOf, type Services } from '../../services.ts';
import type { App, RouteContext } from '../context.ts';
import { EMPTY_BODY } from '../request.ts';
import { scopeOf } from './scope.ts';

const tags = ['x402'];
const text = Type.String();
const Endpoint = Type.Object({
  id: text,
  merchant: text,
  method: text,
  path: text,
  asset: text,
  price: text,
  priceAtomic: text,
  payTo: text,
  assetTransferMethod: text,
  upstream: text,
  onFailure: text,
  timeoutMs: Type.Integer(),
  maxResponseBytes: Type.Integer(),
  description: Type.Union([text, Type.Null()]),
  createdAt: text,
});
const EndpointBody = Type.Object({
  merchant: text,
  method: text,
  path: text,
  asset: text,
  price: text,
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
          'A path that ends in /* prices everything below it; the longest that fits counts. What was offered before is honoured until its challenge runs out.',
        body: EndpointBody,
        response: { 201: Endpoint, ...problems },
      },
    },
    async (request, reply) => {
      if (request.body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const put = await services.gateway.put(await byOf(services, request), request.body);
      return isRefusal(put) ? sendRefusal(request, reply, put) : reply.code(201).send(put);
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
        summary: 'The prices in force',
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
        summary: 'A price in force',
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

async function byOf(services: Services, request: FastifyRequest) {
  const { tenantId, merchantId } = await scopeOf(services, request);
  const actor = actorOf(request.principal);
  return { tenantId, merchantId, actor, correlationId: request.id };
}
