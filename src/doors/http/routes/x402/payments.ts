import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { Type } from 'typebox';
import { isRefusal, isUuid, refuse } from '../../../../base/kernel/index.ts';
import type { Merchant } from '../../../../books/access/index.ts';
import type { Answer, PaymentView } from '../../../../roads/x402/index.ts';
import { sendRefusal } from '../../answer/reply.ts';
import { json, problems } from '../../answer/schemas.ts';
import { guard } from '../../auth.ts';
import type { Services } from '../../services/services.ts';
import type { App, RouteContext } from '../context.ts';
import { fault, headerKey } from '../request.ts';
import { addEndpointRoutes } from './endpoints.ts';
import { addGatewayRoutes } from './gateway.ts';
import { addMerchantRoutes } from './merchants.ts';
import { addRefundRoutes } from './refunds.ts';
import { scopeOf } from './scope.ts';
import { addUsageRoute } from './usage.ts';

const tags = ['x402'];

const NO_MERCHANT = refuse(
  'missing_scope',
  'The key acts for no merchant: those of the configuration (x402.merchants) have keys of their own.',
  { members: { scope: 'payments:settle' } },
);
const NOT_FOUND = refuse('not_found', 'There is no payment with this id for this key.');

/** The facilitator's routes, in the form of the official packages, and payments as they stand. */
export async function addX402Routes(app: App, context: RouteContext): Promise<void> {
  const { services } = context;
  addSupported(app, services);
  addQuestion(
    app,
    services,
    'verify',
    'May this payment be served? One caller has a yes at a time',
  );
  addQuestion(app, services, 'settle', 'Move the money, once; the answer within a few seconds');
  addPayment(app, services);
  addPayments(app, services);
  addRefundRoutes(app, context);
  addMerchantRoutes(app, context);
  addUsageRoute(app, context);
  addEndpointRoutes(app, context);
  await addGatewayRoutes(app, context);
}

function addSupported(app: App, services: Services): void {
  const keyed = guard(services, 'payments:settle');
  app.get(
    '/x402/supported',
    {
      // Anybody may ask; with a key it is told what its merchant may ask for.
      onRequest: (request, reply, done) => {
        if (request.headers.authorization === undefined) done();
        else keyed(request, reply, done);
      },
      schema: {
        tags,
        security: [],
        summary: 'Schemes and networks, extensions, and the wallets that pay the gas',
        response: {
          200: Type.Object({
            kinds: Type.Array(
              Type.Object({
                x402Version: Type.Integer(),
                scheme: Type.String(),
                network: Type.String(),
                extra: Type.Optional(Type.Object({}, { additionalProperties: true })),
              }),
            ),
            extensions: Type.Array(Type.String()),
            signers: Type.Record(Type.String(), Type.Array(Type.String())),
          }),
        },
      },
    },
    async (request) => services.x402.supported(await merchantOf(services, request)),
  );
}

/** What a settle answers and a verify does; as their packages read it, so nothing is taken off. */
const Wire = Type.Object({}, { additionalProperties: true });

function addQuestion(
  app: App,
  services: Services,
  name: 'verify' | 'settle',
  summary: string,
): void {
  app.post(
    `/x402/${name}`,
    {
      onRequest: letMerchantsIn(services),
      schema: {
        tags,
        summary,
        description:
          'Scheme exact with EIP-3009 in versions 1 and 2 of x402, with Permit2 in version 2, and upto. 200 for every verdict, with the packages’ own reasons; 202 while the outcome is not known; 409 for an authorization or a payment-identifier that was used otherwise; a merchant’s Idempotency-Key stands in where the payer names none; 503 when no node can be asked and nothing is under way.',
        body: Type.Object(
          {
            x402Version: Type.Optional(Type.Integer()),
            paymentPayload: Type.Object({}, { additionalProperties: true }),
            paymentRequirements: Type.Object({}, { additionalProperties: true }),
          },
          { additionalProperties: true },
        ),
        response: { 200: Wire, 202: Wire, ...problems, 409: Wire, 503: Wire },
      },
    },
    async (request, reply) => {
      const merchant = await merchantOf(services, request);
      if (merchant === null) return sendRefusal(request, reply, NO_MERCHANT);
      const key = request.headers['idempotency-key'] === undefined ? null : headerKey(request);
      if (isRefusal(key)) return sendRefusal(request, reply, key);
      const of = { correlationId: request.id, ...(key === null ? {} : { idempotencyKey: key }) };
      const answer = await services.x402[name](merchant, request.body, of);
      return send(reply, answer);
    },
  );
}

/** With a key as everywhere; without one where the configuration says whose payments those are. */
function letMerchantsIn(services: Services) {
  const keyed = guard(services, 'payments:settle');
  const hook = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => {
    if (request.headers.authorization !== undefined) return keyed(request, reply, done);
    services.x402.anonymous().then((merchant) => {
      if (merchant === null) keyed(request, reply, done);
      else done();
    }, done);
  };
  return Object.assign(hook, { need: keyed.need });
}

async function merchantOf(services: Services, request: FastifyRequest): Promise<Merchant | null> {
  const { x402 } = services;
  const principal = request.principal as FastifyRequest['principal'] | undefined | null;
  if (!principal) return x402.anonymous();
  const merchant = principal.keyId === null ? null : await x402.merchantOfKey(principal.keyId);
  return merchant?.inService ? merchant : null;
}

function send(reply: FastifyReply, { status, body, ended }: Answer): FastifyReply {
  if (ended !== undefined) {
    // A success is told once: to whom it could not be told it was not.
    reply.raw.once('close', () => ended(reply.raw.writableFinished));
  }
  if (status === 503) reply.header('retry-after', '1');
  return reply.code(status).type('application/json').send(JSON.stringify(body));
}

function addPayment(app: App, services: Services): void {
  app.get(
    '/v1/payments/:id',
    {
      onRequest: guard(services, 'payments:read'),
      schema: {
        tags,
        summary: 'A payment as it stands',
        params: Type.Object({ id: Type.String() }),
        response: { 200: Payment, ...problems },
      },
    },
    async (request, reply) => {
      const id = request.params.id.toLowerCase();
      const found = isUuid(id)
        ? await services.x402.get(await scopeOf(services, request), id)
        : null;
      return found === null ? sendRefusal(request, reply, NOT_FOUND) : reply.send(found);
    },
  );
}

const HASH = [/^0x[0-9a-fA-F]{64}$/, '0x and 64 hex digits'] as const;
/** What each may be, the identifier as a merchant's idempotency key. */
const FILTERS: Readonly<Record<string, readonly [RegExp, string]>> = {
  authorizationId: HASH,
  txHash: HASH,
  paymentIdentifier: [/^[\x21-\x7e]{1,255}$/, '1 to 255 visible ASCII characters'],
};

function addPayments(app: App, services: Services): void {
  app.get(
    '/v1/payments',
    {
      onRequest: guard(services, 'payments:read'),
      schema: {
        tags,
        summary: 'Payments by what names them; several together must all fit',
        querystring: Type.Object({
          authorizationId: Type.Optional(Type.String()),
          txHash: Type.Optional(Type.String()),
          paymentIdentifier: Type.Optional(Type.String()),
        }),
        response: { 200: Type.Object({ items: Type.Array(Payment) }), ...problems },
      },
    },
    async (request, reply) => {
      const query = request.query as Record<string, unknown>;
      const unknown = Object.keys(query).find((name) => !Object.hasOwn(FILTERS, name));
      if (unknown !== undefined || Object.keys(query).length === 0) {
        const refusal = fault(
          `?${unknown ?? ''}`,
          'invalid_request',
          unknown,
          `one or more of ${Object.keys(FILTERS).join(', ')}`,
        );
        return sendRefusal(request, reply, refusal);
      }
      for (const [name, value] of Object.entries(query)) {
        const [pattern, expected] = FILTERS[name]!;
        if (typeof value === 'string' && pattern.test(value)) continue;
        const refusal = fault(`?${name}`, 'invalid_request', value, expected);
        return sendRefusal(request, reply, refusal);
      }
      const { authorizationId, txHash, paymentIdentifier } = query;
      const hex = (hash: unknown) => (hash as string).toLowerCase() as `0x${string}`;
      const items = await services.x402.find(await scopeOf(services, request), {
        ...(authorizationId === undefined ? {} : { authorizationId: hex(authorizationId) }),
        ...(txHash === undefined ? {} : { txHash: hex(txHash) }),
        ...(paymentIdentifier === undefined ? {} : { identifier: String(paymentIdentifier) }),
      });
      return reply.send({ items });
    },
  );
}

const text = Type.String();
const maybe = Type.Union([text, Type.Null()]);
const Payment = Type.Object({
  id: text,
  status: text,
  confirmation: Type.Object({
    level: text,
    blockNumber: Type.Union([Type.Integer(), Type.Null()]),
    blockHash: maybe,
  }),
  waiting: Type.Union([Type.Object({ reason: text }), Type.Null()]),
  approvals: Type.Object({ required: Type.Integer(), given: Type.Integer() }),
  scheme: text,
  network: text,
  asset: text,
  amountAtomic: text,
  maxAmountAtomic: maybe,
  payer: text,
  payTo: text,
  authorizationId: text,
  assetTransferMethod: text,
  paymentIdentifier: maybe,
  convergedOn: maybe,
  refundedAtomic: text,
  resource: maybe,
  txHash: maybe,
  waitUntil: text,
  delivered: Type.Boolean(),
  failure: Type.Union([Type.Object({ code: text }), Type.Null()]),
  decision: Type.Union([
    Type.Object({
      id: text,
      policyVersion: text,
      verdict: text,
      trace: json<NonNullable<PaymentView['decision']>['trace']>(
        'How policy came to it; to a merchant the rules that denied it',
      ),
    }),
    Type.Null(),
  ]),
  correlationId: text,
  createdAt: text,
  updatedAt: text,
});
