import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Refusal, randomToken } from '../../../base/kernel/index.ts';
import { type Problem, problemOfRefusal } from './error-map.ts';

const VISIBLE = /^[\x21-\x7e]{1,128}$/;

/** The client's Correlation-Id when it is 1 to 128 visible ASCII characters, else one made here. */
export function correlationIdOf(headers: {
  [name: string]: string | string[] | undefined;
}): string {
  const given = headers['correlation-id'];
  return typeof given === 'string' && VISIBLE.test(given) ? given : randomToken();
}

/** Headers that every answer carries. */
export function stamp(request: FastifyRequest, reply: FastifyReply): void {
  reply
    .header('correlation-id', request.id)
    .header('x-content-type-options', 'nosniff')
    .header('cache-control', 'no-store');
}

export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: Problem,
): FastifyReply {
  stamp(request, reply);
  const { status } = problem;
  if (status === 503) reply.header('retry-after', '1');
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="payonce"');
  // A string goes out as it is; the schemas of the good answers do not apply to it.
  return reply.code(status).type('application/problem+json').send(JSON.stringify(problem));
}

export function sendRefusal(
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
): FastifyReply {
  return sendProblem(request, reply, problemOfRefusal(refusal, request.id));
}
