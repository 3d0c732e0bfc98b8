import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { inNetworks, messageOf, type Refusal, refuse } from '../../base/kernel/index.ts';
import { allows, type Scope } from '../../books/access/index.ts';
import { judgeRate } from './rate-limits.ts';
import { sendRefusal } from './reply.ts';
import type { Principal, Services } from './services.ts';
import { refuseSignature } from './signature/hooks.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key it is; set before the handler of every route that has a guard. */
    principal: Principal;
  }
}

type GuardServices = Pick<Services, 'authenticate' | 'noteUse' | 'rateLimits'>;
type Guard = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void;

/** Missing, unknown, revoked or expired: the answer does not tell which. */
const UNAUTHENTICATED = refuse(
  'unauthenticated',
  'No valid API key came with the request. Send it as Authorization: Bearer <key>.',
);

/** An onRequest hook: the body of a request without the right is not even read. Its scope stands in the document. */
export function guard(services: GuardServices, scope: Scope): Guard & { scope: Scope } {
  const hook: Guard = (request, reply, done) => {
    const judge = (principal: Principal | null) => {
      let refusal: Refusal | null;
      try {
        refusal =
          judgeAccess(request, principal, scope) ??
          judgeRate(services, principal as Principal, reply) ??
          refuseSignature(request, principal as Principal);
      } catch (error) {
        return fail(error);
      }
      if (refusal !== null) return void sendRefusal(request, reply, refusal);
      request.principal = principal as Principal;
      services.noteUse(request.principal.keyId, request);
      done();
    };
    // done() without an error lets the request in, so a rejection with nothing must become one.
    const fail = (thrown: unknown) =>
      done(thrown instanceof Error ? thrown : new Error(messageOf(thrown)));
    const bearer = bearerOf(request);
    if (bearer === null) return judge(null);
    let found: ReturnType<Services['authenticate']>;
    try {
      found = services.authenticate(bearer);
    } catch (error) {
      return fail(error);
    }
    // From memory it is a value: no promise on the hot path.
    if (found instanceof Promise) found.then(judge, fail);
    else judge(found);
  };
  return Object.assign(hook, { scope });
}

/** Asked again by what outlives the request's first moment, so that a revocation ends it too. */
export async function refusedNow(
  services: GuardServices,
  request: FastifyRequest,
  scope: Scope,
): Promise<Refusal | null> {
  const bearer = bearerOf(request);
  const principal = bearer === null ? null : await services.authenticate(bearer);
  return judgeAccess(request, principal, scope);
}

function judgeAccess(
  request: FastifyRequest,
  principal: Principal | null,
  scope: Scope,
): Refusal | null {
  if (principal === null) return UNAUTHENTICATED;
  if (principal.networks.length > 0 && !inNetworks(principal.networks, request.ip)) {
    const detail = `The key may not be used from ${request.ip}.`;
    return refuse('address_not_allowed', detail, { members: { address: request.ip } });
  }
  if (allows(principal.scopes, scope)) return null;
  return refuse('missing_scope', `The key does not have the scope ${scope}.`, {
    members: { scope },
  });
}

function bearerOf(request: FastifyRequest): string | null {
  const header = request.headers.authorization;
  if (header === undefined) return null;
  return /^Bearer +([\x21-\x7e]+)$/i.exec(header)?.[1] ?? null;
}
