import type { FastifyReply } from 'fastify';
import { type Refusal, refuse } from '../../base/kernel/index.ts';
import type { RateVerdict } from '../../books/access/index.ts';
import type { Principal, Services } from './services/services.ts';

/** An operator's requests share one bucket, whatever their sessions. */
export function callerOf(principal: Principal) {
  return principal.keyId === null ? { ...principal, keyId: principal.personId } : principal;
}

/**
 * Takes a token for a request and tells how many are left, as draft-ietf-httpapi-ratelimit-headers has it. Where
 * nothing limits the key there is nothing to tell, and nothing to pay.
 */
export function judgeRate(
  { rateLimits }: Pick<Services, 'rateLimits'>,
  principal: Principal,
  reply: FastifyReply,
): Refusal | null {
  const verdict = rateLimits.take(callerOf(principal));
  return verdict === null ? null : tellRate(verdict, reply);
}

/** The headers of a verdict, and the refusal where the request has to wait. `names`: of what the buckets are. */
export function tellRate(
  verdict: RateVerdict,
  reply: FastifyReply,
  names = { key: 'key', tenant: 'tenant', who: 'this key or its tenant' },
): Refusal | null {
  const policies: string[] = [];
  const left: string[] = [];
  for (const { of, rate, remaining, resetMs } of verdict.buckets) {
    const windowSeconds = Math.ceil(rate.burst / rate.requestsPerSecond);
    policies.push(`"${names[of]}";q=${rate.burst};w=${windowSeconds}`);
    left.push(`"${names[of]}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`);
  }
  reply.header('ratelimit-policy', policies.join(', ')).header('ratelimit', left.join(', '));
  if (verdict.waitMs === 0) return null;
  const seconds = Math.ceil(verdict.waitMs / 1000);
  reply.header('retry-after', String(seconds));
  return refuse(
    'rate_limited',
    `More requests came than ${names.who} may send; the next one is let in after ${seconds} s.`,
  );
}
