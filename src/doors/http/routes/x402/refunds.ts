import { Type } from 'typebox';
import { isUuid, refuse } from '../../../../base/kernel/index.ts';
import { sendRefusal } from '../../answer/reply.ts';
import { KeyHeader, problems } from '../../answer/schemas.ts';
import { guard } from '../../auth.ts';
import type { Services } from '../../services/services.ts';
import type { App, RouteContext } from '../context.ts';
import { EMPTY_BODY, headerKey } from '../request.ts';
import { scopeOf } from './scope.ts';

const tags = ['x402'];
const text = Type.String();
const maybe = Type.Union([text, Type.Null()]);

const Refund = Type.Object({
  id: text,
  paymentId: text,
  status: Type.Union([Type.Literal('PENDING'), Type.Literal('PAID'), Type.Literal('FAILED')]),
  amount: text,
  amountAtomic: text,
  reason: text,
  withdrawalId: maybe,
  failure: Type.Union([Type.Object({ code: text }), Type.Null()]),
  idempotencyKey: text,
  correlationId: text,
  createdAt: text,
  endedAt: maybe,
});

const NOT_FOUND = refuse('not_found', 'There is no payment with this id for this key.');

/** What goes back to payers. */
export function addRefundRoutes(app: App, { services }: RouteContext): void {
  addRefund(app, services);
  addRefunds(app, services);
}

function addRefund(app: App, services: Services): void {
  app.post(
    '/v1/payments/:id/refunds',
    {
      onRequest: guard(services, 'payments:refund'),
      schema: {
        tags,
        summary: 'Give back all or a part of a payment to whom paid it, once for each key',
        description:
          'Paid out of the merchant’s account by a withdrawal, without a fee. Parts may follow each other; together they never exceed the payment. A refusal is not stored for the key.',
        headers: KeyHeader,
        params: Type.Object({ id: Type.String() }),
        body: Type.Object({ amount: Type.Optional(text), reason: text }),
        response: { 202: Refund, ...problems },
      },
    },
    async (request, reply) => {
      const idempotencyKey = headerKey(request);
      if (typeof idempotencyKey !== 'string') return sendRefusal(request, reply, idempotencyKey);
      if (request.body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const id = request.params.id.toLowerCase();
      if (!isUuid(id)) return sendRefusal(request, reply, NOT_FOUND);
      const order = {
        ...{ idempotencyKey, body: request.body as unknown },
        ...{ correlationId: request.id, initiatedBy: request.principal.personId },
      };
      const verdict = await services.x402.refund(await scopeOf(services, request), id, order);
      if (verdict.kind === 'refused') return sendRefusal(request, reply, verdict.refusal);
      if (verdict.kind === 'replayed') reply.header('idempotent-replayed', 'true');
      return reply.code(202).send(verdict.view);
    },
  );
}

function addRefunds(app: App, services: Services): void {
  app.get(
    '/v1/payments/:id/refunds',
    {
      onRequest: guard(services, 'payments:read'),
      schema: {
        tags,
        summary: 'What of a payment went back or is on its way, oldest first',
        params: Type.Object({ id: Type.String() }),
        response: { 200: Type.Object({ items: Type.Array(Refund) }), ...problems },
      },
    },
    async (request, reply) => {
      const id = request.params.id.toLowerCase();
      const scope = await scopeOf(services, request);
      const items = isUuid(id) ? await services.x402.refunds(scope, id) : null;
      return items === null ? sendRefusal(request, reply, NOT_FOUND) : reply.send({ items });
    },
  );
}
