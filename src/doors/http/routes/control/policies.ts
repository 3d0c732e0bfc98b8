import { Type } from 'typebox';
import { isRefusal, type Refusal } from '../../../../base/kernel/index.ts';
import type { PolicyChangeView } from '../../../../roads/control/index.ts';
import { sendRefusal } from '../../answer/reply.ts';
import { problems, WithdrawalParams } from '../../answer/schemas.ts';
import { guard } from '../../auth.ts';
import { encodeCursor, type List, readIdCursor } from '../../cursor.ts';
import { matching, querySchema, readQuery } from '../../query.ts';
import type { Services } from '../../services/services.ts';
import type { App, RouteContext } from '../context.ts';
import { EMPTY_BODY, limit } from '../request.ts';

const tags = ['Policy'];
const closed = { additionalProperties: false } as const;
const text = Type.String();
const textOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });
const timeOrNull = Type.Unsafe<string | null>({ format: 'date-time', type: ['string', 'null'] });
const person = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  description: "A person's id: an operator's, or a key's",
});
const reason = Type.String({ minLength: 1, maxLength: 255, description: 'Why; kept' });
const effect = Type.Enum(['tightening', 'loosening', 'neutral']);
const judged = {
  effect,
  tightens: Type.Boolean({ description: 'Something of it tightens, whatever the whole is' }),
  differences: Type.Array(Type.Object({ rule: text, field: text, effect, detail: text })),
};
const properties = {
  id: Type.String({ format: 'uuid' }),
  version: Type.String({ description: 'policy: and the SHA-256 of what the document means' }),
  baseVersion: Type.Unsafe<string | null>({
    ...textOrNull,
    description: 'What ruled when it was drafted; null: the tiers of the configuration',
  }),
  ...judged,
  reason: text,
  status: Type.Enum([
    ...['DRAFT', 'PROPOSED', 'SCHEDULED', 'EFFECTIVE', 'SUPERSEDED', 'VETOED', 'WITHDRAWN'],
  ]),
  draftedBy: text,
  draftedAt: Type.String({ format: 'date-time' }),
  proposedBy: person,
  confirmedBy: person,
  effectiveAt: timeOrNull,
  endedBy: person,
  endReason: textOrNull,
};
const Change = Type.Unsafe<PolicyChangeView>(Type.Object(properties));
const ChangeWithDocument = Type.Unsafe<PolicyChangeView & { document: string }>(
  Type.Object({ ...properties, document: Type.String({ description: 'As it was written' }) }),
);
const document = Type.String({ description: 'A policy document, YAML or JSON, as text' });

const LIST_QUERY = {
  limit,
  cursor: matching(/^/, 'a cursor', { description: 'The cursor of the page before' }),
};

export function addPolicyRoutes(app: App, context: RouteContext): void {
  addReads(app, context);
  addDraft(app, context);
  addSteps(app, context);
}

function addReads(app: App, { services }: RouteContext): void {
  const onRequest = guard(services, 'admin:policy');
  app.get(
    '/v1/policies',
    {
      onRequest,
      schema: {
        tags,
        summary: 'List the changes of the policy, newest first; one is EFFECTIVE',
        querystring: querySchema(LIST_QUERY),
        response: {
          200: Type.Object({ policies: Type.Array(Change), cursor: textOrNull }),
          ...problems,
        },
      },
    },
    async (request, reply) => {
      const query = readQuery(LIST_QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const { limit: size = limit.fallback, cursor } = query;
      const list: List = { kind: 'policies', tenantId: request.principal.tenantId };
      const before = cursor === undefined ? null : readIdCursor(list, cursor);
      if (isRefusal(before)) return sendRefusal(request, reply, before);
      const found = await services.policies.list({ limit: size + 1, before });
      const policies = found.slice(0, size);
      const more = found.length > size ? encodeCursor(list, policies.at(-1)!.id) : null;
      return reply.send({ policies, cursor: more });
    },
  );
  app.get(
    '/v1/policies/:id',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Read a change of the policy with its document and what it changes',
        params: WithdrawalParams,
        response: { 200: ChangeWithDocument, ...problems },
      },
    },
    async (request, reply) => {
      const answer = await services.policies.get(request.params.id.toLowerCase());
      return isRefusal(answer) ? sendRefusal(request, reply, answer) : reply.send(answer);
    },
  );
}

function addDraft(app: App, { services }: RouteContext): void {
  const onRequest = guard(services, 'admin:policy');
  app.post(
    '/v1/policies',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Draft a change: checked, compared with what rules, and kept',
        body: Type.Object({ document, reason }, closed),
        response: { 201: Change, ...problems },
      },
    },
    async (request, reply) => {
      const { body, principal: by, id: correlationId } = request;
      if (body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const answer = await services.policies.draft({ by, body, correlationId });
      return isRefusal(answer) ? sendRefusal(request, reply, answer) : reply.code(201).send(answer);
    },
  );
  app.post(
    '/v1/policies/diff',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Compare a document with what rules; stores nothing',
        body: Type.Object({ document }, closed),
        response: { 200: Type.Object({ version: text, ...judged }), ...problems },
      },
    },
    async (request, reply) => {
      if (request.body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const answer = await services.policies.diff(request.body);
      if (isRefusal(answer)) return sendRefusal(request, reply, answer);
      return reply.send(answer as never);
    },
  );
}

const STEPS = [
  ['propose', 'Propose a drafted change: the first of two words', false],
  [
    'confirm',
    'Confirm what another person proposed; what loosens waits, the rest rules at once',
    false,
  ],
  ['veto', 'Stop a change that does not rule yet; one person suffices', true],
] as const;

function addSteps(app: App, { services }: RouteContext): void {
  for (const [verb, summary, withReason] of STEPS) {
    app.post(
      `/v1/policies/:id/${verb}`,
      {
        onRequest: guard(services, 'admin:policy'),
        schema: {
          tags,
          summary,
          params: WithdrawalParams,
          ...(withReason ? { body: Type.Object({ reason }, closed) } : {}),
          response: { 200: Change, ...problems },
        },
      },
      async (request, reply) => {
        const { body, principal: by, id: correlationId } = request;
        if (withReason && body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
        const { id } = request.params as { id: string };
        const step: Step = services.policies[verb];
        const answer = await step(id.toLowerCase(), { by, body, correlationId });
        return isRefusal(answer) ? sendRefusal(request, reply, answer) : reply.send(answer);
      },
    );
  }
}

type Step = (
  id: string,
  order: Parameters<Services['policies']['draft']>[0],
) => Promise<PolicyChangeView | Refusal>;
