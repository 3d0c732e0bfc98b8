import { Type } from 'typebox';
import type { AuditRow } from '../../../base/event/index.ts';
import { isRefusal } from '../../../base/kernel/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import { problems } from '../answer/schemas.ts';
import { guard } from '../auth.ts';
import { encodeCursor, type List, readIdCursor } from '../cursor.ts';
import { matching, querySchema, readQuery } from '../query.ts';
import type { App, RouteContext } from './context.ts';
import { limit } from './request.ts';

const textOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });

type AuditEntryJson = Omit<AuditRow, 'at'> & { at: string };

const Entry = Type.Unsafe<AuditEntryJson>(
  Type.Object({
    id: Type.String({ format: 'uuid' }),
    action: Type.String({ description: 'What was done, as `room.verb`' }),
    actor: Type.String({ description: 'Who did it' }),
    subject: { ...textOrNull, description: 'What it was done to: an id or a name' },
    correlationId: textOrNull,
    detail: Type.Object({}, { additionalProperties: true }),
    at: Type.String({ format: 'date-time' }),
  }),
);
const EntryPage = Type.Object({ entries: Type.Array(Entry), cursor: textOrNull });

const QUERY = {
  action: matching(/^[a-z_]+(\.[a-z_]+)*$/, 'an action', {
    description: 'One action (`api_key.revoked`), or all of a room (`api_key`)',
  }),
  subject: matching(/^[^\p{Cc}\p{Cs}]{1,255}$/u, 'an id or a name', {
    description: 'What was done to this',
  }),
  limit,
  cursor: matching(/^/, 'a cursor', { description: 'The cursor of the page before' }),
};

export function addAuditRoutes(app: App, { services }: RouteContext): void {
  app.get(
    '/v1/audit',
    {
      onRequest: guard(services, 'admin:audit'),
      schema: {
        tags: ['Operations'],
        summary: 'List what persons and keys did in the tenant, newest first',
        description:
          'Entries are written with what they tell of, never changed, and sealed in blocks (`payonce verify --audit`). What happens once a withdrawal is in its decision, events and transfers instead.',
        querystring: querySchema(QUERY),
        response: { 200: EntryPage, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const { limit: size = limit.fallback, cursor, ...filter } = query;
      const { tenantId } = request.principal;
      const list: List = { kind: 'audit', tenantId };
      const before = cursor === undefined ? null : readIdCursor(list, cursor);
      if (isRefusal(before)) return sendRefusal(request, reply, before);
      const found = await services.audit(tenantId, filter, { limit: size + 1, before });
      const entries = found.slice(0, size).map((row) => ({ ...row, at: row.at.toISOString() }));
      const more = found.length > size ? encodeCursor(list, entries.at(-1)!.id) : null;
      return reply.send({ entries, cursor: more });
    },
  );
}
