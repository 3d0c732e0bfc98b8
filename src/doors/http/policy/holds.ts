import { Type } from 'typebox';
import { isRefusal } from '../../../base/kernel/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import { problems } from '../answer/schemas.ts';
import { guard } from '../auth.ts';
import { encodeCursor, type List, readIdCursor } from '../cursor.ts';
import { matching, querySchema, readQuery } from '../query.ts';
import type { App, RouteContext } from '../routes/context.ts';
import { limit } from '../routes/request.ts';

const tags = ['Operations'];
const closed = { additionalProperties: false } as const;
const text = Type.String();
const nullable = Type.Union([Type.String(), Type.Null()]);
const Hold = Type.Object(
  {
    id: text,
    withdrawalId: text,
    hold: Type.Enum(['travel_rule', 'screening', 'manual_review']),
    rule: text,
    status: Type.Enum(['waiting', 'cleared', 'rejected', 'expired', 'cancelled']),
    answeredBy: nullable,
    reason: nullable,
    expiresAt: text,
    createdAt: text,
  },
  { ...closed, description: 'A gate that has to be cleared before the withdrawal goes on' },
);
const Holds = Type.Object({ holds: Type.Array(Hold), cursor: nullable }, closed);
const Params = Type.Object({ id: Type.String({ description: 'The id of the hold' }) }, closed);
const Said = Type.Object(
  {
    reason: Type.Optional(Type.String({ description: 'Kept; of a rejection told to the client' })),
  },
  closed,
);
const LIST_QUERY = {
  limit,
  cursor: matching(/^/, 'a cursor', { description: 'The cursor of the page before' }),
};
const ANSWERS = [
  ['clear', 'cleared', 'Clear a hold; the last one that is waited for sets the withdrawal going'],
  ['reject', 'rejected', 'Reject a hold, with a reason; the reserve is released'],
] as const;

export function addHoldRoutes(app: App, { services }: RouteContext): void {
  const onRequest = guard(services, 'holds:clear');
  const { holds } = services;
  app.get(
    '/v1/holds',
    {
      onRequest,
      schema: {
        tags,
        summary: 'List holds that wait, newest first',
        querystring: querySchema(LIST_QUERY),
        response: { 200: Holds, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(LIST_QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const { limit: size = limit.fallback, cursor } = query;
      const { tenantId } = request.principal;
      const list: List = { kind: 'holds', tenantId };
      const before = cursor === undefined ? null : readIdCursor(list, cursor);
      if (isRefusal(before)) return sendRefusal(request, reply, before);
      const found = await holds.list(tenantId, { limit: size + 1, before });
      const page = found.slice(0, size);
      const more = found.length > size ? encodeCursor(list, page.at(-1)!.id) : null;
      return reply.send({ holds: page, cursor: more });
    },
  );
  for (const [verb, answer, summary] of ANSWERS) {
    app.post(
      `/v1/holds/:id/${verb}`,
      {
        onRequest,
        schema: {
          tags,
          summary,
          description: 'A hold is answered once; the same answer again changes nothing.',
          params: Params,
          body: Said,
          response: { 200: Hold, ...problems },
        },
      },
      async (request, reply) => {
        const { tenantId, keyId } = request.principal;
        const said = { answer, body: request.body, by: `API key ${keyId}` };
        const done = await holds.answer(tenantId, request.params.id, said);
        return isRefusal(done) ? sendRefusal(request, reply, done) : reply.send(done);
      },
    );
  }
}
