import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { isRefusal, type Refusal, refuse } from '../../../base/kernel/index.ts';
import type { Session } from '../../../books/access/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import type { Services } from '../services/services.ts';
import { sessionTokenOf } from './cookie.ts';
import { refuseCrossSite } from './judge.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of routes about the operator themself, whatever the tenant. */
    session: Session;
  }
}

type Guard = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void;

const NO_SESSION = refuse('unauthenticated', 'There is no session, or it has ended; log in.');
const STALE = refuse(
  'login_not_fresh',
  'Passkeys are changed within 5 minutes of a login; log in again.',
);

/** A session of anybody. `fresh`: whose passkey was shown a few minutes ago. */
export function sessionGuard(
  { sessions }: Pick<Services, 'sessions'>,
  { fresh = false }: { fresh?: boolean } = {},
): Guard & { session: true } {
  const find = async (request: FastifyRequest): Promise<Session | Refusal> => {
    const token = sessionTokenOf(request);
    const session = token === null ? null : await sessions.read(token);
    if (session === null) return NO_SESSION;
    return (
      refuseCrossSite(request, sessions.origin()) ?? (fresh && !session.fresh ? STALE : session)
    );
  };
  const hook: Guard = (request, reply, done) => {
    find(request)
      .then((found) => {
        if (isRefusal(found)) return void sendRefusal(request, reply, found);
        request.session = found;
        done();
      })
      .catch(done);
  };
  return Object.assign(hook, { session: true as const });
}

/** Of routes that begin a session: our own page alone, and not too often from one address or altogether. */
export function entranceGuard({ sessions }: Pick<Services, 'sessions'>): Guard {
  return (request, reply, done) => {
    const refusal = refuseCrossSite(request, sessions.origin());
    if (refusal !== null) return void sendRefusal(request, reply, refusal);
    const verdict = sessions.attempts.take({
      ...{ keyId: request.ip, tenantId: 'every address', rateLimit: null },
    });
    if (verdict !== null && verdict.waitMs > 0) {
      const seconds = Math.ceil(verdict.waitMs / 1000);
      reply.header('retry-after', String(seconds));
      const detail = `Too many logins are tried, from this address or altogether; the next one is let in after ${seconds} s.`;
      return void sendRefusal(request, reply, refuse('rate_limited', detail));
    }
    done();
  };
}
