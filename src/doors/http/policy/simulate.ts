import { Type } from 'typebox';
import { isRefusal } from '../../../base/kernel/index.ts';
import type { Simulation } from '../../../roads/control/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import { problems } from '../answer/schemas.ts';
import { guard } from '../auth.ts';
import type { App, RouteContext } from '../routes/context.ts';
import { EMPTY_BODY } from '../routes/request.ts';

const text = Type.String();
const whole = Type.Integer();
const outcome = Type.Enum(['denied', 'allowed', 'approved', 'held', 'held_and_approved']);
const kind = Type.Enum(['withdrawal', 'payment']);
const tier = Type.Unsafe<string | null>({ type: ['string', 'null'] });
/** As documents have it. */
const Requirement = Type.Object({}, { additionalProperties: true });
const said = Type.Object({
  outcome,
  tier,
  approvals: Type.Array(Requirement, {
    description:
      'What persons are asked for, all of it: { group, count }, { all } or { any } of such; none: nobody is asked',
  }),
});
const Told = Type.Unsafe<Simulation>(
  Type.Object({
    version: text,
    looked: Type.Integer({ description: 'Withdrawals and payments of the days asked for' }),
    warmedUp: Type.Integer({
      description: 'Those before them, which only filled the windows',
    }),
    truncated: Type.Boolean({ description: 'There were more: the oldest were left out' }),
    outcomes: Type.Array(Type.Object({ kind, was: outcome, would: outcome, count: whole })),
    differences: Type.Array(
      Type.Object({
        kind,
        id: Type.String({ format: 'uuid', description: 'Of the withdrawal or payment' }),
        decidedAt: Type.String({ format: 'date-time' }),
        account: Type.String({ description: 'Of a payment the account of its merchant' }),
        asset: Type.String({ description: 'CAIP-19' }),
        amountAtomic: text,
        was: said,
        would: said,
        reason: Type.Unsafe<string | null>({
          type: ['string', 'null'],
          description: 'The rule that would deny or hold it, and why',
        }),
      }),
      { description: 'Oldest first' },
    ),
    more: Type.Boolean({ description: 'There are more differences than are told' }),
  }),
);
const Body = Type.Object(
  {
    document: Type.String({ description: 'A policy document, YAML or JSON, as text' }),
    days: Type.Optional(Type.Integer({ minimum: 1, maximum: 366, default: 30 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 200 })),
  },
  { additionalProperties: false },
);

export function addSimulateRoute(app: App, { services }: RouteContext): void {
  app.post(
    '/v1/policies/simulate',
    {
      onRequest: guard(services, 'admin:policy'),
      schema: {
        tags: ['Policy'],
        summary:
          'Ask what a document would have said of past withdrawals and x402 payments; changes nothing',
        description:
          "The tenant's own, the newest 10,000 of each at most; `payonce policy simulate` looks at more.",
        body: Body,
        response: { 200: Told, ...problems },
      },
    },
    async (request, reply) => {
      if (request.body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const told = await services.simulate(request.principal.tenantId, request.body);
      return isRefusal(told) ? sendRefusal(request, reply, told) : reply.send(told);
    },
  );
}
