import { type Static, Type } from 'typebox';
import { isRefusal, parseForm, type Refusal } from '../../../../base/kernel/index.ts';
import { type Session, scopesOf } from '../../../../books/access/index.ts';
import { sendRefusal } from '../../answer/reply.ts';
import { problems } from '../../answer/schemas.ts';
import { clearSession, setSession } from '../../session/cookie.ts';
import { entranceGuard, sessionGuard } from '../../session/guards.ts';
import type { App, RouteContext } from '../context.ts';
import { EMPTY_BODY, isObject, refuseBody } from '../request.ts';

const tags = ['Session'];
const closed = { additionalProperties: false } as const;
const time = Type.String({ format: 'date-time' });
export const Options = Type.Unsafe<object>({
  type: 'object',
  additionalProperties: true,
  description: 'For navigator.credentials, as WebAuthn writes it in JSON',
});
export const Answer = Type.Unsafe<object>({
  type: 'object',
  additionalProperties: true,
  description: "The authenticator's answer, as WebAuthn writes it in JSON",
});
const SessionView = Type.Object(
  {
    operator: Type.Object({ id: Type.String({ format: 'uuid' }), name: Type.String() }, closed),
    expiresAt: time,
    tenants: Type.Array(
      Type.Object(
        {
          id: Type.String({ format: 'uuid' }),
          name: Type.String(),
          roles: Type.Array(Type.String()),
          scopes: Type.Array(Type.String()),
        },
        closed,
      ),
    ),
  },
  closed,
);
const Begun = Type.Object({ options: Options }, closed);
const Invited = Type.Object({ name: Type.String(), options: Options }, closed);
const Accepted = Type.Object(
  {
    fingerprint: Type.String({ description: 'What a security-admin compares before activating' }),
    active: Type.Boolean({
      description: 'False: another security-admin activates the rights first',
    }),
  },
  closed,
);
const NoBody = Type.Optional(Type.Object({}, closed));

export function addSessionRoutes(app: App, context: RouteContext): void {
  addLogin(app, context);
  addInvitation(app, context);
  addOwnSession(app, context);
}

function addLogin(app: App, { services }: RouteContext): void {
  const onRequest = entranceGuard(services);
  const { sessions } = services;
  app.post(
    '/v1/session/challenge',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Begin a login',
        security: [],
        body: NoBody,
        response: { 200: Begun, ...problems },
      },
    },
    async (request, reply) => {
      const refusal = refuseBody(request.body);
      if (refusal !== null) return sendRefusal(request, reply, refusal);
      return reply.send({ options: await sessions.beginLogin() });
    },
  );
  app.post(
    '/v1/session',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Log in with a passkey; the session comes as a cookie',
        security: [],
        body: Type.Object({ answer: Answer }, closed),
        response: { 201: SessionView, ...problems },
      },
    },
    async (request, reply) => {
      const form = readAnswer(request.body, []);
      if (isRefusal(form)) return sendRefusal(request, reply, form);
      const begun = await sessions.finishLogin({ ...form, correlationId: request.id });
      if (isRefusal(begun)) return sendRefusal(request, reply, begun);
      setSession(reply, begun.token, begun.expiresAt);
      return reply.code(201).send(shown((await sessions.read(begun.token))!));
    },
  );
}

function addInvitation(app: App, { services }: RouteContext): void {
  const onRequest = entranceGuard(services);
  const { sessions } = services;
  const token = Type.String({ description: 'What the link carries behind #invitation=' });
  app.post(
    '/v1/session/invitation/challenge',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Begin to accept an invitation',
        security: [],
        body: Type.Object({ token }, closed),
        response: { 200: Invited, ...problems },
      },
    },
    async (request, reply) => {
      const form =
        request.body === undefined
          ? EMPTY_BODY
          : parseForm(request.body, new Set(['token']), (fields) => {
              const given = fields.label('token');
              return given === null ? null : { token: given };
            });
      if (isRefusal(form)) return sendRefusal(request, reply, form);
      const begun = await sessions.beginInvitation(form.token);
      return isRefusal(begun) ? sendRefusal(request, reply, begun) : reply.send(begun);
    },
  );
  app.post(
    '/v1/session/invitation',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Accept an invitation with a new passkey; the link is used up',
        security: [],
        body: Type.Object(
          { token, name: Type.String({ description: "The passkey's" }), answer: Answer },
          closed,
        ),
        response: { 201: Accepted, ...problems },
      },
    },
    async (request, reply) => {
      const form = readAnswer(request.body, ['token', 'name']);
      if (isRefusal(form)) return sendRefusal(request, reply, form);
      const { token: given, name } = form.labels as { token: string; name: string };
      const order = { token: given, name, answer: form.answer, correlationId: request.id };
      const accepted = await sessions.acceptInvitation(order);
      if (isRefusal(accepted)) return sendRefusal(request, reply, accepted);
      return reply.code(201).send(accepted);
    },
  );
}

function addOwnSession(app: App, { services }: RouteContext): void {
  const onRequest = sessionGuard(services);
  app.get(
    '/v1/session',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Read who is logged in',
        response: { 200: SessionView, ...problems },
      },
    },
    async (request, reply) => reply.send(shown(request.session)),
  );
  app.delete(
    '/v1/session',
    {
      onRequest,
      schema: { tags, summary: 'Log out', response: { 204: Type.Null(), ...problems } },
    },
    async (request, reply) => {
      await services.sessions.end(request.session.sessionId);
      clearSession(reply);
      return reply.code(204).send(null);
    },
  );
}

/** The answer of an authenticator, with labels beside it. */
export function readAnswer(
  body: unknown,
  names: readonly string[],
): { answer: object; labels: Record<string, string> } | Refusal {
  if (body === undefined) return EMPTY_BODY;
  return parseForm(body, new Set(['answer', ...names]), (fields) => {
    const labels = Object.fromEntries(names.map((name) => [name, fields.label(name) ?? '']));
    const answer = fields.raw('answer');
    if (isObject(answer)) return { answer, labels };
    fields.fault('answer', 'invalid_request', answer, "an authenticator's answer");
    return null;
  });
}

function shown(session: Session): Static<typeof SessionView> {
  const { operatorId: id, name, expiresAt, memberships } = session;
  return {
    operator: { id, name },
    expiresAt: expiresAt.toISOString(),
    tenants: memberships.map(({ tenantId, tenantName, roles }) => ({
      ...{ id: tenantId, name: tenantName, roles, scopes: scopesOf(roles) },
    })),
  };
}
