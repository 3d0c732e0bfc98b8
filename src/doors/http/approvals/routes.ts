import { Type } from 'typebox';
import { isRefusal, refuse } from '../../../base/kernel/index.ts';
import type { ApprovalView } from '../../../roads/approval/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import { problems } from '../answer/schemas.ts';
import { guard } from '../auth.ts';
import { encodeCursor, type List, readIdCursor } from '../cursor.ts';
import { matching, querySchema, readQuery } from '../query.ts';
import type { App, RouteContext } from '../routes/context.ts';
import { EMPTY_BODY, limit } from '../routes/request.ts';
import { actorOf } from '../services/services.ts';

const tags = ['Operations'];
const closed = { additionalProperties: false } as const;
const Approval = Type.Unsafe<ApprovalView>({
  description: 'What approvers are asked: the content that they sign, decoded, and who has signed',
});
const Approvals = Type.Object(
  { approvals: Type.Array(Approval), cursor: Type.Union([Type.String(), Type.Null()]) },
  closed,
);
const Params = Type.Object(
  { id: Type.String({ description: 'The id of the withdrawal or the payment' }) },
  closed,
);
const bytes = (description: string) => Type.String({ description });
const Signed = Type.Object(
  {
    approver: Type.String({ description: 'The id of one of signer.approvers' }),
    signature: bytes("The approver's signature over the digest, in 0x-hex or base64url"),
    authenticatorData: Type.Optional(bytes("Of a passkey's assertion")),
    clientDataJSON: Type.Optional(bytes("Of a passkey's assertion")),
  },
  closed,
);
const Rejected = Type.Object(
  {
    reason: Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'Kept, and told to who asked for the withdrawal',
    }),
  },
  closed,
);
const LIST_QUERY = {
  limit,
  cursor: matching(/^/, 'a cursor', { description: 'The cursor of the page before' }),
};
const NOT_FOUND = refuse('not_found', 'Nobody was asked to approve such a withdrawal or payment.');

export function addApprovalRoutes(app: App, { services }: RouteContext): void {
  const onRequest = guard(services, 'admin:approvals');
  const { approvals } = services;
  app.get(
    '/v1/approvals',
    {
      onRequest,
      schema: {
        tags,
        summary: 'List withdrawals and payments that wait for approvers, newest first',
        querystring: querySchema(LIST_QUERY),
        response: { 200: Approvals, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(LIST_QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const { limit: size = limit.fallback, cursor } = query;
      const { tenantId } = request.principal;
      const list: List = { kind: 'approvals', tenantId };
      const before = cursor === undefined ? null : readIdCursor(list, cursor);
      if (isRefusal(before)) return sendRefusal(request, reply, before);
      const found = await services.approvals.list(tenantId, { limit: size + 1, before });
      const page = found.slice(0, size);
      const more = found.length > size ? encodeCursor(list, page.at(-1)!.id) : null;
      return reply.send({ approvals: page.map(({ view }) => view), cursor: more });
    },
  );
  app.get(
    '/v1/approvals/:id',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Read what approvers are asked about a withdrawal or a payment',
        params: Params,
        response: { 200: Approval, ...problems },
      },
    },
    async (request, reply) => {
      const view = await approvals.get(request.principal.tenantId, request.params.id);
      return view === null ? sendRefusal(request, reply, NOT_FOUND) : reply.send(view);
    },
  );
  app.post(
    '/v1/approvals/:id/approve',
    {
      onRequest,
      schema: {
        tags,
        summary: "Give an approver's signature",
        description:
          'The same approver again changes nothing. The last one that is needed sets the withdrawal or the payment going.',
        params: Params,
        body: Signed,
        response: { 200: Approval, ...problems },
      },
    },
    async (request, reply) => {
      if (request.body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const { id } = request.params;
      const done = await approvals.approve(request.principal.tenantId, id, request.body);
      return isRefusal(done) ? sendRefusal(request, reply, done) : reply.send(done);
    },
  );
  app.post(
    '/v1/approvals/:id/reject',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Reject a withdrawal, whose reserve is released, or a payment',
        params: Params,
        body: Rejected,
        response: { 200: Approval, ...problems },
      },
    },
    async (request, reply) => {
      if (request.body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const { tenantId } = request.principal;
      const said = { body: request.body, by: actorOf(request.principal) };
      const done = await approvals.reject(tenantId, request.params.id, said);
      return isRefusal(done) ? sendRefusal(request, reply, done) : reply.send(done);
    },
  );
}
