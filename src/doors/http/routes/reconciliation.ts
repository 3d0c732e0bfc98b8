import { Type } from 'typebox';
import { isRefusal, isUuid, refuse } from '../../../base/kernel/index.ts';
import type { BreakView, ResumeView } from '../../../roads/reconcile/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import { problems, WithdrawalParams } from '../answer/schemas.ts';
import { guard } from '../auth.ts';
import { encodeCursor, type List, readIdCursor } from '../cursor.ts';
import { matching, oneOf, querySchema, readQuery } from '../query.ts';
import type { Services } from '../services/services.ts';
import type { App, RouteContext } from './context.ts';
import { EMPTY_BODY, limit } from './request.ts';

const tags = ['Operations'];
const TWO =
  'Two persons: the first call proposes, the same content by another person is carried out. Other content takes the place of what was proposed.';

const LIST_QUERY = {
  state: oneOf(['open', 'resolved'] as const, 'Whether they wait for persons'),
  limit,
  cursor: matching(/^/, 'a cursor', { description: 'The cursor of the page before' }),
};

const NO_BREAK = refuse('not_found', 'There is no break with this id for this tenant.');
const NO_CHAIN = refuse('not_found', 'There is no chain of this name here.');

const text = Type.String();
const time = Type.String({ format: 'date-time' });
const orNull = <Schema extends { type: string }>(schema: Schema) =>
  Type.Unsafe<string | null>({ ...schema, type: [schema.type, 'null'] });
const evidence = Type.String({
  minLength: 1,
  maxLength: 4000,
  description: 'Why, with links to what shows it; kept',
});
const action = Type.Enum(['commit', 'release', 'reverse', 'adjust']);
const moved = { asset: text, amount: text, movement: Type.Enum(['left', 'arrived']) };
const said = {
  action: text,
  evidence: text,
  adjustments: Type.Array(Type.Object({ ...moved, amountAtomic: text, movement: text })),
  proposedBy: Type.String({ description: "A person's id: an operator's, or a key's" }),
};
const Break = Type.Unsafe<BreakView>(
  Type.Object({
    id: text,
    kind: text,
    state: Type.Enum(['open', 'resolved']),
    chain: text,
    chainId: Type.Integer(),
    laneId: Type.Integer(),
    withdrawalId: orNull(text),
    txId: orNull(text),
    correlationId: orNull(text),
    detail: Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true }),
    proposal: Type.Unsafe<BreakView['proposal']>({
      ...Type.Object({ ...said, proposedAt: time }),
      type: ['object', 'null'],
      description: 'What one person has said, and another has not',
    }),
    actions: Type.Array(
      Type.Object({ ...said, confirmedBy: text, transferIds: Type.Array(text), at: time }),
    ),
    openedAt: time,
    resolvedAt: orNull(time),
  }),
);
const Resume = Type.Unsafe<ResumeView>(
  Type.Object({
    chain: text,
    chainId: Type.Integer(),
    halted: Type.String({ description: 'Why it is halted' }),
    status: Type.Enum(['proposed', 'ordered']),
    evidence: text,
    proposedBy: text,
    confirmedBy: orNull(text),
  }),
);
const BreakPage = Type.Object({ breaks: Type.Array(Break), cursor: orNull(text) });
const ResolveBody = Type.Object(
  {
    action,
    evidence,
    adjustments: Type.Optional(
      Type.Array(Type.Object(moved), { description: 'With adjust; none: nothing is to be moved' }),
    ),
  },
  { additionalProperties: false },
);
const ResumeBody = Type.Object({ evidence }, { additionalProperties: false });

export function addReconciliationRoutes(app: App, { services }: RouteContext): void {
  addReads(app, services);
  addResolve(app, services);
  addResume(app, services);
}

function addReads(app: App, services: Services): void {
  const onRequest = guard(services, 'admin:breaks:read');
  app.get(
    '/v1/reconciliation/breaks',
    {
      onRequest,
      schema: {
        tags,
        summary: 'List what the chain shows and the books can not explain, newest first',
        querystring: querySchema(LIST_QUERY),
        response: { 200: BreakPage, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(LIST_QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const { limit: size = limit.fallback, cursor, ...filter } = query;
      const { tenantId } = request.principal;
      const list: List = { kind: 'breaks', tenantId };
      const before = cursor === undefined ? null : readIdCursor(list, cursor);
      if (isRefusal(before)) return sendRefusal(request, reply, before);
      const found = await services.breaks(tenantId, filter, { limit: size + 1, before });
      const breaks = found.slice(0, size);
      const more = found.length > size ? encodeCursor(list, breaks.at(-1)!.id) : null;
      return reply.send({ breaks, cursor: more });
    },
  );
  app.get(
    '/v1/reconciliation/breaks/:id',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Read one break, with what was said and decided about it',
        params: WithdrawalParams,
        response: { 200: Break, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery({}, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const id = request.params.id.toLowerCase();
      const view = isUuid(id) ? await services.readBreak(request.principal.tenantId, id) : null;
      return view === null ? sendRefusal(request, reply, NO_BREAK) : reply.send(view);
    },
  );
}

function addResolve(app: App, services: Services): void {
  app.post(
    '/v1/reconciliation/breaks/:id/resolve',
    {
      onRequest: guard(services, 'admin:breaks'),
      schema: {
        tags,
        summary: 'Decide about a break; 202: proposed, 200: done',
        description: TWO,
        params: WithdrawalParams,
        body: ResolveBody,
        response: { 200: Break, 202: Break, ...problems },
      },
    },
    async (request, reply) => {
      const id = request.params.id.toLowerCase();
      if (!isUuid(id)) return sendRefusal(request, reply, NO_BREAK);
      if (request.body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const said = { body: request.body, correlationId: request.id };
      const answer = await services.resolveBreak(request.principal, id, said);
      if (isRefusal(answer)) return sendRefusal(request, reply, answer);
      return reply.code(answer.kind === 'done' ? 200 : 202).send(answer.view);
    },
  );
}

function addResume(app: App, services: Services): void {
  app.post(
    '/v1/chains/:id/resume',
    {
      onRequest: guard(services, 'admin:chains'),
      schema: {
        tags,
        summary:
          "Go on with a halted chain: the node's chain is taken for ours from where both agree",
        description: TWO,
        params: Type.Object({ id: Type.String({ description: 'Its configured id' }) }),
        body: ResumeBody,
        response: { 202: Resume, ...problems },
      },
    },
    async (request, reply) => {
      if (request.body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const answer = await services.resumeChain(request.principal, request.params.id, request.body);
      if (answer === null) return sendRefusal(request, reply, NO_CHAIN);
      return isRefusal(answer) ? sendRefusal(request, reply, answer) : reply.code(202).send(answer);
    },
  );
}
