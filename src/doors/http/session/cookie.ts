import type { FastifyReply, FastifyRequest } from 'fastify';

/** The prefix makes browsers hold it to Secure, to this host alone and to the whole of it. */
export const COOKIE = '__Host-payonce';
const FLAGS = 'Path=/; HttpOnly; Secure; SameSite=Strict';

/** Null where there is none, or more than one. */
export function sessionTokenOf(request: FastifyRequest): string | null {
  const { cookie } = request.headers;
  if (cookie === undefined) return null;
  const values = cookie.split(';').flatMap((pair) => {
    const [name, value] = pair.trim().split('=', 2);
    return name === COOKIE && value !== undefined ? [value] : [];
  });
  return values.length === 1 ? values[0]! : null;
}

export function setSession(reply: FastifyReply, token: string, expiresAt: Date): void {
  reply.header('set-cookie', `${COOKIE}=${token}; ${FLAGS}; Expires=${expiresAt.toUTCString()}`);
}

export function clearSession(reply: FastifyReply): void {
  reply.header('set-cookie', `${COOKIE}=; ${FLAGS}; Max-Age=0`);
}
