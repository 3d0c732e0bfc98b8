import type { FastifyRequest } from 'fastify';
import type { Services } from '../../services/services.ts';

/** A merchant's key sees its payments, a tenant's own key or operator all of them. */
export async function scopeOf(services: Services, request: FastifyRequest) {
  const { tenantId, keyId } = request.principal;
  const merchant = keyId === null ? null : await services.x402.merchantOfKey(keyId);
  return { tenantId, merchantId: merchant?.merchantId ?? null, name: merchant?.name ?? null };
}
