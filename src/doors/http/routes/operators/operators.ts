import { type Static, Type } from 'typebox';
import { isRefusal, parseForm, type Refusal } from '../../../../base/kernel/index.ts';
import { type Operator, ROLES } from '../../../../books/access/index.ts';
import { sendRefusal } from '../../answer/reply.ts';
import { problems } from '../../answer/schemas.ts';
import { guard } from '../../auth.ts';
import { readQuery } from '../../query.ts';
import type { InvitedOperator } from '../../services/people-services.ts';
import type { Principal } from '../../services/services.ts';
import type { App, RouteContext } from '../context.ts';
import { EMPTY_BODY, refuseBody, textsOf } from '../request.ts';

const tags = ['Operators'];
const closed = { additionalProperties: false } as const;
const time = Type.String({ format: 'date-time' });
const textOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });
const roles = Type.Array(Type.Unsafe<string>({ type: 'string', enum: [...ROLES] }), {
  minItems: 1,
});

const properties = {
  id: Type.String({ format: 'uuid' }),
  name: Type.String(),
  roles,
  state: Type.Enum(['invited', 'pending', 'active', 'suspended'], {
    description: 'pending: registered, and waiting until another security-admin activates',
  }),
  fingerprints: Type.Array(Type.String(), {
    description: "Of the passkeys' public keys; compare one with the person before you activate",
  }),
  grantedBy: textOrNull,
  activatedBy: textOrNull,
  createdAt: time,
};
const OperatorView = Type.Object(properties, closed);
const Invited = Type.Object(
  {
    ...properties,
    invitation: Type.Unsafe<{ url: string; expiresAt: string } | null>({
      ...Type.Object({ url: Type.String(), expiresAt: time }, closed),
      type: ['object', 'null'],
      description: 'The link is shown this once; null where there is a passkey already',
    }),
  },
  closed,
);
const OperatorList = Type.Object({ operators: Type.Array(OperatorView) }, closed);
const Params = Type.Object({ id: Type.String({ format: 'uuid' }) }, closed);
const InviteBody = Type.Object(
  { name: Type.String({ pattern: '^[a-z0-9][a-z0-9._@+-]{0,127}$' }), roles },
  closed,
);
const RolesBody = Type.Object({ roles }, closed);
const NoBody = Type.Optional(Type.Object({}, closed));

/** How each is told in the document, and what it does. */
const CHANGES = [
  ['suspend', 'Take all rights in this tenant away, at once', 'Idempotent by nature.'],
  ['resume', 'Give the rights back that were good before the suspension', 'Idempotent by nature.'],
] as const;

export function addOperatorRoutes(app: App, context: RouteContext): void {
  addReads(app, context);
  addInvitations(app, context);
  addChanges(app, context);
}

function addReads(app: App, { services }: RouteContext): void {
  const onRequest = guard(services, 'operators');
  app.get(
    '/v1/operators',
    {
      onRequest,
      schema: {
        tags,
        summary: 'List the operators of the tenant',
        response: { 200: OperatorList, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery({}, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const found = await services.operators.list(request.principal.tenantId);
      return reply.send({ operators: found.map(shown) });
    },
  );
  app.get(
    '/v1/operators/:id',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Read an operator',
        params: Params,
        response: { 200: OperatorView, ...problems },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const found = await services.operators.get(request.principal.tenantId, id.toLowerCase());
      return isRefusal(found) ? sendRefusal(request, reply, found) : reply.send(shown(found));
    },
  );
}

function addInvitations(app: App, { services }: RouteContext): void {
  const onRequest = guard(services, 'operators');
  app.post(
    '/v1/operators',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Invite an operator',
        description:
          'Whoever opens the link registers the passkey; the rights wait until another security-admin has compared its fingerprint and activates them.',
        body: InviteBody,
        response: { 201: Invited, ...problems },
      },
    },
    async (request, reply) => {
      const order = readInvite(request.body);
      if (isRefusal(order)) return sendRefusal(request, reply, order);
      const at = actOf(request.principal, request.id);
      const invited = await services.operators.invite({ ...at, ...order });
      if (isRefusal(invited)) return sendRefusal(request, reply, invited);
      const { operatorId } = invited.operator;
      reply.code(201).header('location', `/v1/operators/${operatorId}`);
      return reply.send(shownInvited(invited));
    },
  );
  app.post(
    '/v1/operators/:id/invite',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Invite an operator again who lost their passkeys',
        description:
          'Whoever accepts has new passkeys in the place of all others, and rights that wait for another security-admin in every tenant.',
        params: Params,
        body: NoBody,
        response: { 200: Invited, ...problems },
      },
    },
    async (request, reply) => {
      const refusal = refuseBody(request.body);
      if (refusal !== null) return sendRefusal(request, reply, refusal);
      const at = actOf(request.principal, request.id);
      const operatorId = request.params.id.toLowerCase();
      const invited = await services.operators.recover({ ...at, operatorId });
      if (isRefusal(invited)) return sendRefusal(request, reply, invited);
      return reply.send(shownInvited(invited));
    },
  );
}

function addChanges(app: App, { services }: RouteContext): void {
  const onRequest = guard(services, 'operators');
  app.post(
    '/v1/operators/:id/roles',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Change the roles of an operator',
        description:
          'Narrower roles hold at once; with a wider one the operator may do nothing until another security-admin activates it.',
        params: Params,
        body: RolesBody,
        response: { 200: OperatorView, ...problems },
      },
    },
    async (request, reply) => {
      const order = readRoles(request.body);
      if (isRefusal(order)) return sendRefusal(request, reply, order);
      const at = {
        ...actOf(request.principal, request.id),
        operatorId: request.params.id.toLowerCase(),
      };
      const changed = await services.operators.changeRoles({ ...at, ...order });
      return isRefusal(changed) ? sendRefusal(request, reply, changed) : reply.send(shown(changed));
    },
  );
  addActivation(app, services, onRequest);
  for (const [verb, summary, description] of CHANGES) {
    app.post(
      `/v1/operators/:id/${verb}`,
      {
        onRequest,
        schema: {
          tags,
          summary,
          description,
          params: Params,
          body: NoBody,
          response: { 200: OperatorView, ...problems },
        },
      },
      async (request, reply) => {
        const refusal = refuseBody(request.body);
        if (refusal !== null) return sendRefusal(request, reply, refusal);
        const { id } = request.params as Static<typeof Params>;
        const at = { ...actOf(request.principal, request.id), operatorId: id.toLowerCase() };
        const changed = await services.operators[verb](at);
        return isRefusal(changed)
          ? sendRefusal(request, reply, changed)
          : reply.send(shown(changed));
      },
    );
  }
}

function addActivation(
  app: App,
  services: RouteContext['services'],
  onRequest: ReturnType<typeof guard>,
): void {
  app.post(
    '/v1/operators/:id/activate',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Make rights good that another security-admin gave',
        description:
          'Compare the fingerprint with the person first, and send it. Whoever gave the rights can not activate them.',
        params: Params,
        body: Type.Object(
          { fingerprint: Type.String({ description: 'Of the passkey that you compared' }) },
          closed,
        ),
        response: { 200: OperatorView, ...problems },
      },
    },
    async (request, reply) => {
      const order =
        request.body === undefined
          ? EMPTY_BODY
          : parseForm(request.body, new Set(['fingerprint']), (fields) => {
              const fingerprint = fields.label('fingerprint');
              return fingerprint === null ? null : { fingerprint };
            });
      if (isRefusal(order)) return sendRefusal(request, reply, order);
      const operatorId = request.params.id.toLowerCase();
      const at = { ...actOf(request.principal, request.id), operatorId };
      const changed = await services.operators.activate({ ...at, ...order });
      return isRefusal(changed) ? sendRefusal(request, reply, changed) : reply.send(shown(changed));
    },
  );
}

function actOf({ tenantId, personId }: Principal, correlationId: string) {
  return { tenantId, by: { operatorId: personId, correlationId } };
}

function readInvite(body: unknown): { name: string; roles: string[] } | Refusal {
  if (body === undefined) return EMPTY_BODY;
  return parseForm(body, new Set(['name', 'roles']), (fields) => {
    const name = fields.label('name');
    const given = textsOf(fields, 'roles', 'a list of roles');
    return name === null || given === null ? null : { name, roles: given };
  });
}

function readRoles(body: unknown): { roles: string[] } | Refusal {
  if (body === undefined) return EMPTY_BODY;
  return parseForm(body, new Set(['roles']), (fields) => {
    const given = textsOf(fields, 'roles', 'a list of roles');
    return given === null ? null : { roles: given };
  });
}

function shown(operator: Operator): Static<typeof OperatorView> {
  const { operatorId: id, tenantId: _, createdAt, ...rest } = operator;
  return { id, ...rest, createdAt: createdAt.toISOString() };
}

function shownInvited({ operator, link }: InvitedOperator): Static<typeof Invited> {
  const invitation =
    link === null ? null : { url: link.url, expiresAt: link.expiresAt.toISOString() };
  return { ...shown(operator), invitation };
}
