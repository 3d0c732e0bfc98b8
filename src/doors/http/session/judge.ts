import type { FastifyRequest } from 'fastify';
import { isRefusal, type Refusal, refuse } from '../../../base/kernel/index.ts';
import {
  allows,
  type Membership,
  rolesWith,
  type Scope,
  type Session,
  scopesOf,
} from '../../../books/access/index.ts';
import type { OperatorPrincipal } from '../services/services.ts';

const SAFE = ['GET', 'HEAD'];

/** What a page of another site can not send: its origin is not ours, and no form has this header. */
export function refuseCrossSite(request: FastifyRequest, origin: string): Refusal | null {
  if (SAFE.includes(request.method)) return null;
  const { origin: from, 'sec-fetch-site': site = 'same-origin' } = request.headers;
  if (from !== origin) {
    const detail = `A change by a session comes from ${origin}, with its Origin header; this one did not.`;
    return refuse('cross_site_request', detail);
  }
  if (site === 'same-origin' && request.headers['payonce-console'] === '1') return null;
  return refuse(
    'cross_site_request',
    'A change by a session comes with the header Payonce-Console: 1.',
  );
}

/** What the operator of a session is in the tenant that the request is about. */
export function judgeSession(
  request: FastifyRequest,
  session: Session,
  origin: string,
  scope: Scope,
): OperatorPrincipal | Refusal {
  const crossSite = refuseCrossSite(request, origin);
  if (crossSite !== null) return crossSite;
  const membership = chooseTenant(request, session);
  if (isRefusal(membership)) return membership;
  const { tenantId, roles } = membership;
  const scopes = scopesOf(roles);
  if (!allows(scopes, scope)) {
    const needed = rolesWith(scope).join(', ');
    return refuse('missing_role', `It takes one of these roles: ${needed}.`, {
      members: { roles: needed },
    });
  }
  const { operatorId: personId } = session;
  const unbound = { networks: [], rateLimit: null, signature: null, keyId: null };
  return { ...unbound, tenantId, personId, scopes, session };
}

function chooseTenant(request: FastifyRequest, session: Session): Membership | Refusal {
  const { memberships } = session;
  const wanted = request.headers['payonce-tenant'];
  if (wanted === undefined) {
    if (memberships.length === 1) return memberships[0]!;
    const names = memberships.map(({ tenantName }) => tenantName).join(', ');
    return refuse('tenant_required', `Send Payonce-Tenant with one of your tenants: ${names}.`);
  }
  const found = memberships.find(
    ({ tenantId, tenantName }) => tenantId === wanted || tenantName === wanted,
  );
  return found ?? refuse('not_found', 'You are an operator of no such tenant.');
}
