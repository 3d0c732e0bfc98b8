import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isRefusal, METHODS } from '../../../../base/kernel/index.ts';
import type { GatewayAnswer } from '../../../../roads/gateway/index.ts';
import { sendRefusal } from '../../answer/reply.ts';
import { problems } from '../../answer/schemas.ts';
import { tellRate } from '../../rate-limits.ts';
import type { App, RouteContext } from '../context.ts';
import { headerKey } from '../request.ts';

const MERCHANT = /^([a-z0-9][a-z0-9-]*)\.([a-z0-9][a-z0-9-]*)$/;

/**
 * Requests that pay for themselves. What an upstream answers comes from our origin, where the console has its sessions: it
 * is sandboxed, and never stored by a cache on the way.
 */
export async function addGatewayRoutes(app: App, { services }: RouteContext): Promise<void> {
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // Whatever it is, it is the upstream's to read.
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body);
    });
    scope.route({
      method: [...METHODS],
      url: '/gateway/:merchant/*',
      exposeHeadRoute: false,
      schema: {
        tags: ['x402'],
        security: [],
        summary: 'Ask a priced API: 402 with a challenge, then the answer for its payment',
        description:
          'The merchant is `tenant.name`. With PAYMENT-SIGNATURE the request is forwarded once; asked again with the same payment, or one that was signed anew under the same Idempotency-Key, it gets the kept answer.',
        params: Type.Object({ merchant: Type.String(), '*': Type.String() }),
        response: { ...problems },
      },
      handler: async (request, reply) => {
        const given = request.headers['idempotency-key'] !== undefined;
        const idempotencyKey = given ? headerKey(request) : null;
        if (isRefusal(idempotencyKey)) return sendRefusal(request, reply, idempotencyKey);
        const { merchant } = request.params as { merchant: string };
        const [, tenant = '', name = ''] = MERCHANT.exec(merchant) ?? [];
        const [path = '', query] = request.url.split(/\?(.*)/s);
        const url = `${services.gateway.origin()}${request.url}`;
        const answer = await services.gateway.answer({
          tenant,
          merchant: name,
          method: request.method,
          path: path.slice(`/gateway/${merchant}`.length),
          search: query === undefined ? '' : `?${query}`,
          url,
          headers: request.headers,
          idempotencyKey,
          body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
          address: request.ip,
          correlationId: request.id,
        });
        return send(request, reply, answer);
      },
    });
  });
}

const OF_CHALLENGES = {
  key: 'address',
  tenant: 'merchant',
  who: 'this address, or all without a payment to this merchant,',
};

function send(request: FastifyRequest, reply: FastifyReply, answer: GatewayAnswer): FastifyReply {
  if (answer.kind === 'limited') {
    return sendRefusal(request, reply, tellRate(answer.rate, reply, OF_CHALLENGES)!);
  }
  reply.headers(answer.headers);
  if (answer.kind === 'problem') return sendRefusal(request, reply, answer.refusal);
  if (answer.rate !== undefined) tellRate(answer.rate, reply, OF_CHALLENGES);
  return reply
    .code(answer.status)
    .header('content-security-policy', "sandbox; default-src 'none'; frame-ancestors 'none'")
    .header(
      'cache-control',
      answer.status === 402 || answer.status === 412 ? 'no-store' : 'private, no-store',
    )
    .send(answer.body);
}
