import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { inNetworks, isRefusal, messageOf, type Refusal, refuse } from '../../base/kernel/index.ts';
import { allows, isGrant, rolesWith, type Scope } from '../../books/access/index.ts';
import { sendRefusal } from './answer/reply.ts';
import { judgeRate } from './rate-limits.ts';
import type { KeyPrincipal, Principal, Services } from './services/services.ts';
import { sessionTokenOf } from './session/cookie.ts';
import { judgeSession } from './session/judge.ts';
import { refuseSignature } from './signature/hooks.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key or session it is; set before the handler of every route that has a guard. */
    principal: Principal;
  }
}

type GuardServices = Pick<Services, 'authenticate' | 'noteUse' | 'rateLimits' | 'sessions'>;
type Guard = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void;
/** What a route asks for, and which of both can have it: the document says so too. */
type Need = { scope: Scope; ofKeys: boolean; ofPeople: boolean };

/** Missing, unknown, revoked or expired: the answer does not tell which. */
const UNAUTHENTICATED = refuse(
  'unauthenticated',
  'No valid API key came with the request. Send it as Authorization: Bearer <key>.',
);
const NO_SESSION = refuse(
  'unauthenticated',
  'No valid session came with the request. It is for operators: log in at /console/access.',
);

/** An onRequest hook: the body of a request without the right is not even read. Its need stands in the document. */
export function guard(services: GuardServices, scope: Scope): Guard & { need: Need } {
  const need = needOf(scope);
  const hook: Guard = (request, reply, done) => {
    const judge = (found: Principal | Refusal) => {
      let refusal: Refusal | null;
      try {
        refusal = isRefusal(found)
          ? found
          : (judgeRate(services, found, reply) ?? refuseSignature(request, found));
      } catch (error) {
        return fail(error);
      }
      if (refusal !== null) return void sendRefusal(request, reply, refusal);
      request.principal = found as Principal;
      const { keyId } = request.principal;
      if (keyId !== null) services.noteUse(keyId, request);
      done();
    };
    // done() without an error lets the request in, so a rejection with nothing must become one.
    const fail = (thrown: unknown) =>
      done(thrown instanceof Error ? thrown : new Error(messageOf(thrown)));
    let found: ReturnType<typeof findPrincipal>;
    try {
      found = findPrincipal(services, request, need);
    } catch (error) {
      return fail(error);
    }
    // From memory it is a value: no promise on the hot path.
    if (found instanceof Promise) found.then(judge).catch(fail);
    else judge(found);
  };
  return Object.assign(hook, { need });
}

/** Asked again by what outlives the request's first moment, so that a revocation ends it too. */
export async function refusedNow(
  services: GuardServices,
  request: FastifyRequest,
  scope: Scope,
): Promise<Refusal | null> {
  const found = await findPrincipal(services, request, needOf(scope));
  return isRefusal(found) ? found : null;
}

function needOf(scope: Scope): Need {
  return { scope, ofKeys: isGrant(scope), ofPeople: rolesWith(scope).length > 0 };
}

/** A key that is sent counts, a cookie beside it does not: browsers send cookies by themselves. */
function findPrincipal(
  services: GuardServices,
  request: FastifyRequest,
  { scope, ofKeys, ofPeople }: Need,
): Principal | Refusal | Promise<Principal | Refusal> {
  if (request.headers.authorization === undefined && ofPeople) {
    const token = sessionTokenOf(request);
    if (token !== null) return findSession(services, request, { token, scope });
  }
  if (!ofKeys) return NO_SESSION;
  const bearer = bearerOf(request);
  if (bearer === null) return UNAUTHENTICATED;
  const found = services.authenticate(bearer);
  return found instanceof Promise
    ? found.then((key) => judgeKey(request, key, scope))
    : judgeKey(request, found, scope);
}

async function findSession(
  { sessions }: GuardServices,
  request: FastifyRequest,
  { token, scope }: { token: string; scope: Scope },
): Promise<Principal | Refusal> {
  const session = await sessions.read(token);
  return session === null ? NO_SESSION : judgeSession(request, session, sessions.origin(), scope);
}

function judgeKey(
  request: FastifyRequest,
  key: KeyPrincipal | null,
  scope: Scope,
): KeyPrincipal | Refusal {
  if (key === null) return UNAUTHENTICATED;
  if (key.networks.length > 0 && !inNetworks(key.networks, request.ip)) {
    const detail = `The key may not be used from ${request.ip}.`;
    return refuse('address_not_allowed', detail, { members: { address: request.ip } });
  }
  if (allows(key.scopes, scope)) return key;
  return refuse('missing_scope', `The key does not have the scope ${scope}.`, {
    members: { scope },
  });
}

function bearerOf(request: FastifyRequest): string | null {
  const header = request.headers.authorization;
  if (header === undefined) return null;
  return /^Bearer +([\x21-\x7e]+)$/i.exec(header)?.[1] ?? null;
}
