import type { FastifyReply, FastifyRequest } from 'fastify';
import { isRefusal, messageOf, type Refusal } from '../../../base/kernel/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import { type EventJson, EventPage, problems } from '../answer/schemas.ts';
import { guard, refusedNow } from '../auth.ts';
import { encodeCursor, INVALID_CURSOR, type List, readPositionCursor } from '../cursor.ts';
import { type Feed, streamEvents } from '../events/event-stream.ts';
import type { EventView } from '../events/event-view.ts';
import { matching, querySchema, readQuery } from '../query.ts';
import type { Services } from '../services/services.ts';
import type { App, RouteContext } from './context.ts';
import { limit } from './request.ts';

const STREAM_PAGE = 200;

const QUERY = {
  after: matching(/^/, 'a cursor', {
    description: 'The cursor of the event seen last, or `latest`; without it from the first event',
  }),
  limit,
};

export function addEventRoutes(app: App, context: RouteContext): void {
  const { services } = context;
  app.get(
    '/v1/events',
    {
      onRequest: guard(services, 'events:read'),
      exposeHeadRoute: false,
      schema: {
        tags: ['Events'],
        summary: "Read the tenant's events in commit order, or stream them",
        description:
          'With `Accept: text/event-stream` the answer is a stream: `id` is the cursor, `event` the type, `data` the event as JSON. `Last-Event-ID` resumes and wins over `after`; a comment comes every 15 seconds. The server may end a stream at any time: connect again with the last id.',
        querystring: querySchema(QUERY),
        response: { 200: EventPage, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const streaming = request.headers.accept?.includes('text/event-stream') ?? false;
      const resumed = streaming ? request.headers['last-event-id'] : undefined;
      const { tenantId } = request.principal;
      const list: List = { kind: 'events', tenantId, epoch: await services.historyEpoch() };
      const after = typeof resumed === 'string' && resumed !== '' ? resumed : query.after;
      const size = streaming ? STREAM_PAGE : (query.limit ?? limit.fallback);
      const start = await readStart(services, list, { after, size });
      if (isRefusal(start)) return sendRefusal(request, reply, start);
      if (streaming) return stream(context, { request, reply, list, start });
      const events = start.events.map((event) => eventJson(list, event));
      const cursor = events.at(-1)?.cursor ?? encodeCursor(list, String(start.position));
      return reply.send({ events, cursor });
    },
  );
}

type Start = { position: bigint; events: EventView[] };

/** The first page, and the position that it stands behind. */
async function readStart(
  services: Services,
  list: List,
  query: { after: string | undefined; size: number },
): Promise<Start | Refusal> {
  const { tenantId } = list;
  if (query.after === 'latest') {
    return { position: await services.lastPosition(tenantId), events: [] };
  }
  const position = query.after === undefined ? 0n : readPositionCursor(list, query.after);
  if (isRefusal(position)) return position;
  const events = await services.events(tenantId, position, query.size);
  // A place beyond the end was never given out: waiting there would skip what comes in between.
  if (events.length === 0 && position > (await services.lastPosition(tenantId))) {
    return INVALID_CURSOR;
  }
  return { position, events };
}

function eventJson(list: List, event: EventView): EventJson {
  const { position, ...rest } = event;
  return { cursor: encodeCursor(list, String(position)), ...rest };
}

/** Hands the connection to the stream; faults before the first byte are still problem documents. */
async function stream(
  { services, drain, log, timing }: RouteContext,
  opened: { request: FastifyRequest; reply: FastifyReply; list: List; start: Start },
): Promise<FastifyReply> {
  const { request, reply, list, start } = opened;
  const { tenantId } = list;
  reply.hijack();
  const feed: Feed = {
    start,
    next: (after) => services.events(tenantId, after, STREAM_PAGE),
    pageSize: STREAM_PAGE,
    frame: (event) => {
      const json = eventJson(list, event);
      return `id: ${json.cursor}\nevent: ${json.type}\ndata: ${JSON.stringify(json)}\n\n`;
    },
    onEvents: (callback) => services.onEvents(callback),
    allowed: async () => (await refusedNow(services, request, 'events:read')) === null,
  };
  try {
    await streamEvents(feed, {
      response: reply.raw,
      signal: drain.signalFor(reply.raw),
      correlationId: request.id,
      timing,
    });
  } catch (error) {
    // The client resumes by its last id; there is no way left to tell it more.
    const fields = { tenantId, correlationId: request.id, error: messageOf(error) };
    log.warn(fields, 'an event stream ended early');
  }
  return reply;
}
