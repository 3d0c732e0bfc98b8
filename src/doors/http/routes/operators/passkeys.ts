import { Type } from 'typebox';
import { isRefusal } from '../../../../base/kernel/index.ts';
import type { Passkey } from '../../../../books/access/index.ts';
import { sendRefusal } from '../../answer/reply.ts';
import { problems } from '../../answer/schemas.ts';
import { sessionGuard } from '../../session/guards.ts';
import type { App, RouteContext } from '../context.ts';
import { refuseBody } from '../request.ts';
import { Answer, Options, readAnswer } from './session.ts';

const tags = ['Session'];
const closed = { additionalProperties: false } as const;
const textOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });
const PasskeyView = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    fingerprint: Type.String(),
    publicKey: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description:
        'SubjectPublicKeyInfo in base64, as signer.approvers takes it; null: a kind of key that it does not take',
    }),
    current: Type.Boolean({ description: 'It began this session' }),
    createdAt: Type.String({ format: 'date-time' }),
    lastUsedAt: textOrNull,
  },
  closed,
);
const PasskeyList = Type.Object({ passkeys: Type.Array(PasskeyView) }, closed);

/** Of the operator who is logged in; changes ask for a login of the last minutes. */
export function addPasskeyRoutes(app: App, { services }: RouteContext): void {
  const { sessions } = services;
  const onRequest = sessionGuard(services, { fresh: true });
  const shownOf = async (operatorId: string, current: string) =>
    (await sessions.passkeys(operatorId)).map((one) => shown(one, current));
  app.get(
    '/v1/session/passkeys',
    {
      onRequest: sessionGuard(services),
      schema: { tags, summary: 'List your passkeys', response: { 200: PasskeyList, ...problems } },
    },
    async ({ session }, reply) =>
      reply.send({ passkeys: await shownOf(session.operatorId, session.credentialId) }),
  );
  app.post(
    '/v1/session/passkeys/challenge',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Begin to register one more passkey',
        body: Type.Optional(Type.Object({}, closed)),
        response: { 200: Type.Object({ options: Options }, closed), ...problems },
      },
    },
    async (request, reply) => {
      const refusal = refuseBody(request.body);
      if (refusal !== null) return sendRefusal(request, reply, refusal);
      return reply.send({ options: await sessions.beginPasskey(request.session) });
    },
  );
  app.post(
    '/v1/session/passkeys',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Register one more passkey',
        body: Type.Object({ name: Type.String(), answer: Answer }, closed),
        response: { 201: PasskeyList, ...problems },
      },
    },
    async (request, reply) => {
      const form = readAnswer(request.body, ['name']);
      if (isRefusal(form)) return sendRefusal(request, reply, form);
      const { operatorId, credentialId } = request.session;
      const { answer, labels } = form;
      const name = labels['name']!;
      const order = { operatorId, credentialId, name, answer, correlationId: request.id };
      const refusal = await sessions.addPasskey(order);
      if (refusal !== null) return sendRefusal(request, reply, refusal);
      return reply.code(201).send({ passkeys: await shownOf(operatorId, credentialId) });
    },
  );
  app.delete(
    '/v1/session/passkeys/:id',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Remove one of your passkeys, and end the sessions that it began',
        params: Type.Object({ id: Type.String() }, closed),
        response: { 204: Type.Null(), ...problems },
      },
    },
    async (request, reply) => {
      const { operatorId } = request.session;
      const by = { operatorId, correlationId: request.id };
      const refusal = await sessions.removePasskey({
        operatorId,
        credentialId: request.params.id,
        by,
      });
      return refusal === null ? reply.code(204).send(null) : sendRefusal(request, reply, refusal);
    },
  );
}

function shown(passkey: Passkey, current: string) {
  const { credentialId: id, name, fingerprint, publicKey, createdAt, lastUsedAt } = passkey;
  return {
    ...{ id, name, fingerprint, publicKey, current: id === current },
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
  };
}
