import { Type } from 'typebox';
import { isRefusal } from '../../../../base/kernel/index.ts';
import type { FreezeView } from '../../../../roads/control/index.ts';
import { sendRefusal } from '../../answer/reply.ts';
import { problems, WithdrawalParams } from '../../answer/schemas.ts';
import { guard } from '../../auth.ts';
import { encodeCursor, type List, readIdCursor } from '../../cursor.ts';
import { matching, oneOf, querySchema, readQuery } from '../../query.ts';
import type { App, RouteContext } from '../context.ts';
import { EMPTY_BODY, limit } from '../request.ts';

const tags = ['Operations'];
const closed = { additionalProperties: false } as const;
const text = Type.String();
const time = Type.String({ format: 'date-time' });
const orNull = <T>(schema: { type: string }) =>
  Type.Unsafe<T | null>({ ...schema, type: [schema.type, 'null'] });
const reason = Type.String({ minLength: 1, maxLength: 255, description: 'Why; kept' });
const scope = Type.Enum(['global', 'chain', 'wallet', 'asset', 'tenant']);

const Freeze = Type.Unsafe<FreezeView>(
  Type.Object({
    id: Type.String({ format: 'uuid' }),
    scope,
    subject: orNull<string>(text),
    reason: text,
    frozenBy: Type.String({ description: "A person's id: an operator's, or a key's" }),
    frozenAt: time,
    proposal: orNull<FreezeView['proposal']>({
      ...Type.Object({ reason: text, proposedBy: text, proposedAt: time }),
    }),
    lifted: orNull<FreezeView['lifted']>({
      ...Type.Object({ reason: text, proposedBy: text, confirmedBy: text, at: time }),
    }),
  }),
);
const FreezePage = Type.Object({ freezes: Type.Array(Freeze), cursor: orNull<string>(text) });
const FreezeBody = Type.Object(
  {
    scope,
    subject: Type.Optional(
      Type.String({
        description: 'The id of the chain, wallet or asset; not with global or tenant',
      }),
    ),
    reason,
  },
  closed,
);

const LIST_QUERY = {
  state: oneOf(['standing', 'lifted'] as const, 'Whether they stand'),
  limit,
  cursor: matching(/^/, 'a cursor', { description: 'The cursor of the page before' }),
};

export function addFreezeRoutes(app: App, context: RouteContext): void {
  addList(app, context);
  addChanges(app, context);
}

function addList(app: App, { services }: RouteContext): void {
  app.get(
    '/v1/freeze',
    {
      onRequest: guard(services, 'admin:freeze'),
      schema: {
        tags,
        summary: 'List freezes, newest first: those of everybody and those of the tenant',
        querystring: querySchema(LIST_QUERY),
        response: { 200: FreezePage, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(LIST_QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const { limit: size = limit.fallback, cursor, ...filter } = query;
      const { tenantId } = request.principal;
      const list: List = { kind: 'freezes', tenantId };
      const before = cursor === undefined ? null : readIdCursor(list, cursor);
      if (isRefusal(before)) return sendRefusal(request, reply, before);
      const found = await services.freezes.list(tenantId, filter, { limit: size + 1, before });
      const freezes = found.slice(0, size);
      const more = found.length > size ? encodeCursor(list, freezes.at(-1)!.id) : null;
      return reply.send({ freezes, cursor: more });
    },
  );
}

function addChanges(app: App, { services }: RouteContext): void {
  const onRequest = guard(services, 'admin:freeze');
  app.post(
    '/v1/freeze',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Freeze at once; 201: placed, 200: it stood already',
        description:
          'One person suffices. Nothing that it covers is opened, gets a nonce or is signed for the first time; what was signed before goes on, and money stays reserved.',
        body: FreezeBody,
        response: { 200: Freeze, 201: Freeze, ...problems },
      },
    },
    async (request, reply) => {
      const { body, principal: by, id: correlationId } = request;
      if (body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const answer = await services.freezes.freeze({ by, body, correlationId });
      if (isRefusal(answer)) return sendRefusal(request, reply, answer);
      return reply.code(answer.placed ? 201 : 200).send(answer.view);
    },
  );
  app.delete(
    '/v1/freeze/:id',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Lift a freeze; 202: proposed, 200: lifted',
        description:
          'Two persons: the first call proposes, the same reason by another person lifts it. Another reason takes the place of what was proposed.',
        params: WithdrawalParams,
        body: Type.Object({ reason }, closed),
        response: { 200: Freeze, 202: Freeze, ...problems },
      },
    },
    async (request, reply) => {
      const { body, principal: by, id: correlationId } = request;
      if (body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const id = request.params.id.toLowerCase();
      const answer = await services.freezes.lift(id, { by, body, correlationId });
      if (isRefusal(answer)) return sendRefusal(request, reply, answer);
      return reply.code(answer.kind === 'lifted' ? 200 : 202).send(answer.view);
    },
  );
}
