import { type Static, Type } from 'typebox';
import { isRefusal, isUuid, refuse } from '../../../base/kernel/index.ts';
import { type ApiKey, GRANTS } from '../../../books/access/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import { problems } from '../answer/schemas.ts';
import { guard } from '../auth.ts';
import { encodeCursor, type List, readIdCursor } from '../cursor.ts';
import { matching, querySchema, readQuery } from '../query.ts';
import { DAY_SECONDS, MOST_OVERLAP_SECONDS, readOrder, readOverlap } from './api-key-body.ts';
import type { App, RouteContext } from './context.ts';
import { limit, refuseBody } from './request.ts';

const tags = ['API keys'];
const closed = { additionalProperties: false } as const;

const time = Type.String({ format: 'date-time' });
const textOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });
const scopes = Type.Array(Type.Unsafe<string>({ type: 'string', enum: [...GRANTS] }), {
  minItems: 1,
});
const allowedNetworks = Type.Array(
  Type.String({ description: 'An address or a network in CIDR, IPv4 or IPv6' }),
  { description: 'From where it may be used; empty: from anywhere' },
);
const rateLimit = Type.Object(
  { requestsPerSecond: Type.Integer({ minimum: 1 }), burst: Type.Integer({ minimum: 1 }) },
  closed,
);

const properties = {
  id: Type.String({ format: 'uuid' }),
  name: Type.String(),
  person: Type.String({
    description: 'Who speaks by it, where two persons decide: an operator or a key, by id',
  }),
  prefix: Type.String({ description: 'How the secret begins; the rest is not kept' }),
  scopes,
  allowedNetworks,
  publicKey: textOrNull,
  requireSignature: Type.Boolean({ description: 'Every request must be signed (RFC 9421)' }),
  rateLimit: Type.Unsafe<Static<typeof rateLimit> | null>({
    ...rateLimit,
    type: ['object', 'null'],
    description: 'Null: what the configuration says of every key',
  }),
  expiresAt: textOrNull,
  revokedAt: textOrNull,
  previousValidUntil: textOrNull,
  lastUsedAt: textOrNull,
  lastUsedFrom: textOrNull,
  createdAt: time,
};
const Key = Type.Object(properties, closed);
const NewKey = Type.Object(
  { ...properties, key: Type.String({ description: 'The secret; it is shown this once' }) },
  closed,
);
const KeyPage = Type.Object({ keys: Type.Array(Key), cursor: textOrNull }, closed);
const KeyParams = Type.Object({ id: Type.String({ format: 'uuid' }) }, closed);
const KeyBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 128 }),
    scopes,
    expiresAt: Type.Optional(time),
    allowedNetworks: Type.Optional(allowedNetworks),
    publicKey: Type.Optional(Type.String({ description: 'A public Ed25519 key in PEM' })),
    requireSignature: Type.Optional(
      Type.Boolean({ description: 'True where there is a public key, unless it says otherwise' }),
    ),
    rateLimit: Type.Optional(rateLimit),
  },
  closed,
);
const RotateBody = Type.Object(
  {
    overlapSeconds: Type.Optional(
      Type.Integer({ minimum: 0, maximum: MOST_OVERLAP_SECONDS, default: DAY_SECONDS }),
    ),
  },
  closed,
);

const LIST_QUERY = {
  limit,
  cursor: matching(/^/, 'a cursor', { description: 'The cursor of the page before' }),
};
const NO_KEY = refuse('not_found', 'This tenant has no API key of this id.');

export function addApiKeyRoutes(app: App, context: RouteContext): void {
  addReads(app, context);
  addCreate(app, context);
  addChanges(app, context);
}

function addReads(app: App, { services }: RouteContext): void {
  const onRequest = guard(services, 'admin:keys');
  app.get(
    '/v1/api-keys',
    {
      onRequest,
      schema: {
        tags,
        summary: 'List the API keys of the tenant, newest first, also those that have ended',
        querystring: querySchema(LIST_QUERY),
        response: { 200: KeyPage, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(LIST_QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const { limit: size = limit.fallback, cursor } = query;
      const { tenantId } = request.principal;
      const list: List = { kind: 'api-keys', tenantId };
      const before = cursor === undefined ? null : readIdCursor(list, cursor);
      if (isRefusal(before)) return sendRefusal(request, reply, before);
      const found = await services.apiKeys.list(tenantId, { limit: size + 1, before });
      const keys = found.slice(0, size);
      const more = found.length > size ? encodeCursor(list, keys.at(-1)!.keyId) : null;
      return reply.send({ keys: keys.map(shown), cursor: more });
    },
  );
  app.get(
    '/v1/api-keys/:id',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Read an API key',
        params: KeyParams,
        response: { 200: Key, ...problems },
      },
    },
    async (request, reply) => {
      const id = request.params.id.toLowerCase();
      if (!isUuid(id)) return sendRefusal(request, reply, NO_KEY);
      const key = await services.apiKeys.get(request.principal.tenantId, id);
      return isRefusal(key) ? sendRefusal(request, reply, NO_KEY) : reply.send(shown(key));
    },
  );
}

function addCreate(app: App, { services }: RouteContext): void {
  app.post(
    '/v1/api-keys',
    {
      onRequest: guard(services, 'admin:keys'),
      schema: {
        tags,
        summary: 'Make an API key; its secret is shown this once',
        description:
          'It has at most the rights of the key that asks: scopes, networks, expiry, signature, rate. What is not named is as there. A repeated request makes another key.',
        body: KeyBody,
        response: { 201: NewKey, ...problems },
      },
    },
    async (request, reply) => {
      const order = readOrder(request.body);
      if (isRefusal(order)) return sendRefusal(request, reply, order);
      const made = await services.apiKeys.create(request.principal, order);
      if (isRefusal(made)) return sendRefusal(request, reply, made);
      return reply
        .code(201)
        .header('location', `/v1/api-keys/${made.keyId}`)
        .send({ ...shown(made), key: made.key });
    },
  );
}

function addChanges(app: App, { services }: RouteContext): void {
  const onRequest = guard(services, 'admin:keys');
  app.post(
    '/v1/api-keys/:id/rotate',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Give a key a new secret; the old one is good for a while',
        description:
          'Within the overlap (a day unless told otherwise, 0: within a second) both are good. Only a key with no more rights than the asking one is rotated.',
        params: KeyParams,
        body: Type.Optional(RotateBody),
        response: { 200: NewKey, ...problems },
      },
    },
    async (request, reply) => {
      const overlap = readOverlap(request.body);
      if (typeof overlap !== 'number') return sendRefusal(request, reply, overlap);
      const id = request.params.id.toLowerCase();
      if (!isUuid(id)) return sendRefusal(request, reply, NO_KEY);
      const made = await services.apiKeys.rotate(request.principal, id, overlap * 1000);
      if (isRefusal(made)) return sendRefusal(request, reply, made);
      return reply.send({ ...shown(made), key: made.key });
    },
  );
  app.post(
    '/v1/api-keys/:id/revoke',
    {
      onRequest,
      schema: {
        tags,
        summary: 'End a key for ever, within a second on every process',
        description: 'Idempotent by nature; a key may revoke itself.',
        params: KeyParams,
        body: Type.Optional(Type.Object({}, closed)),
        response: { 200: Key, ...problems },
      },
    },
    async (request, reply) => {
      const refusal = refuseBody(request.body);
      if (refusal !== null) return sendRefusal(request, reply, refusal);
      const id = request.params.id.toLowerCase();
      if (!isUuid(id)) return sendRefusal(request, reply, NO_KEY);
      const revoked = await services.apiKeys.revoke(request.principal, id);
      if (isRefusal(revoked)) return sendRefusal(request, reply, NO_KEY);
      return reply.send(shown(revoked));
    },
  );
}

function shown(key: ApiKey): Static<typeof Key> {
  const at = (date: Date | null) => date?.toISOString() ?? null;
  return {
    id: key.keyId,
    name: key.name,
    person: key.personId,
    prefix: `pk_${key.prefix}`,
    scopes: key.scopes,
    allowedNetworks: key.allowedNetworks,
    publicKey: key.publicKey,
    requireSignature: key.requireSignature,
    rateLimit: key.rateLimit,
    expiresAt: at(key.expiresAt),
    revokedAt: at(key.revokedAt),
    previousValidUntil: at(key.previousValidUntil),
    lastUsedAt: at(key.lastUsedAt),
    lastUsedFrom: key.lastUsedFrom,
    createdAt: key.createdAt.toISOString(),
  };
}
