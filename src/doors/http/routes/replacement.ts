import { Type } from 'typebox';
import { isRefusal, isUuid } from '../../../base/kernel/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import {
  KeyHeader,
  problems,
  SpeedUpBody,
  Withdrawal,
  WithdrawalParams,
} from '../answer/schemas.ts';
import { guard } from '../auth.ts';
import type { Services } from '../services/services.ts';
import type { App, RouteContext } from './context.ts';
import { fault, headerKey, isObject, NOT_FOUND, sendVerdict } from './request.ts';

const tags = ['Withdrawals'];

/** What changes a withdrawal that is on its way. */
export function addReplacementRoutes(app: App, { services }: RouteContext): void {
  addCancel(app, services);
  addSpeedUp(app, services);
}

function addCancel(app: App, services: Services): void {
  app.post(
    '/v1/withdrawals/:id/cancel',
    {
      onRequest: guard(services, 'withdrawals:create'),
      schema: {
        tags,
        summary: 'Cancel: at once before the signer has claimed it, else by the chain’s decision',
        description:
          '200: CANCELLED, the reserve is released. 202: it may be signed already, so a transaction without effect and with the same nonce races with it; `waiting.reason` is `cancelling` until one of them is final. Idempotent by nature; needs no key and no body.',
        params: WithdrawalParams,
        body: Type.Optional(Type.Object({}, { additionalProperties: false })),
        response: { 200: Withdrawal, 202: Withdrawal, ...problems },
      },
    },
    async (request, reply) => {
      const body: unknown = request.body;
      if (body !== undefined && !(isObject(body) && Object.keys(body).length === 0)) {
        const refusal = fault('', 'unknown_field', body, 'no body, or an empty object');
        return sendRefusal(request, reply, refusal);
      }
      const id = request.params.id.toLowerCase();
      if (!isUuid(id)) return sendRefusal(request, reply, NOT_FOUND);
      const answer = await services.cancel(request.principal.tenantId, id, request.id);
      if (isRefusal(answer)) return sendRefusal(request, reply, answer);
      return reply.code(answer.status === 'CANCELLED' ? 200 : 202).send(answer);
    },
  );
}

function addSpeedUp(app: App, services: Services): void {
  app.post(
    '/v1/withdrawals/:id/speed-up',
    {
      onRequest: guard(services, 'withdrawals:create'),
      schema: {
        tags,
        summary: 'Bid more for a transaction that waits to be mined; each key is one bump',
        description:
          'Both fees are raised by an eighth or more, to what the chain asks now or to maxFeePerGasGwei. 409 `not_replaceable` says in `reason` why not; a refusal is not stored for the key.',
        headers: KeyHeader,
        params: WithdrawalParams,
        body: Type.Optional(SpeedUpBody),
        response: { 202: Withdrawal, ...problems },
      },
    },
    async (request, reply) => {
      const idempotencyKey = headerKey(request);
      if (typeof idempotencyKey !== 'string') return sendRefusal(request, reply, idempotencyKey);
      const id = request.params.id.toLowerCase();
      if (!isUuid(id)) return sendRefusal(request, reply, NOT_FOUND);
      const wish = { idempotencyKey, body: request.body, correlationId: request.id };
      const verdict = await services.speedUp(request.principal.tenantId, id, wish);
      return sendVerdict(request, reply, verdict);
    },
  );
}
