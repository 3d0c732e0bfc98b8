import { isRefusal, refuse } from '../../base/kernel/index.ts';
import type { ApiKey, Grant, KeyOrder, NewApiKey } from '../../books/access/index.ts';
import type { KeyPrincipal, Services } from './services.ts';

type ApiKeys = Services['apiKeys'];

/** Who may do what `scopes` say, from anywhere and without a limit. */
export function principalOf(
  tenantId: string,
  keyId: string,
  scopes: readonly Grant[],
  more: Partial<KeyPrincipal> = {},
): KeyPrincipal {
  return {
    tenantId,
    keyId,
    personId: keyId,
    scopes,
    networks: [],
    rateLimit: null,
    signature: null,
    ...more,
  };
}

/** The keys of one tenant, in memory, for tests; what may be made is judged by books/access alone. */
export class FakeApiKeys implements ApiKeys {
  keys: ApiKey[] = [];
  orders: Omit<KeyOrder, 'tenantId'>[] = [];
  overlaps: number[] = [];
  readonly #tenantId: string;

  constructor(tenantId: string) {
    this.#tenantId = tenantId;
  }

  async list(tenantId: string, page: { limit: number; before: string | null }): Promise<ApiKey[]> {
    const mine = tenantId === this.#tenantId ? this.keys : [];
    const from = mine.findIndex(({ keyId }) => keyId === page.before) + 1;
    return mine.slice(from, from + page.limit);
  }

  get: ApiKeys['get'] = async (tenantId, keyId) => {
    const mine = tenantId === this.#tenantId ? this.keys : [];
    return mine.find((key) => key.keyId === keyId) ?? refuse('not_found', 'None.');
  };

  create: ApiKeys['create'] = async ({ tenantId }, order): Promise<NewApiKey> => {
    this.orders.push(order);
    const key: ApiKey = {
      keyId: `01890000-0000-7000-8000-${String(this.keys.length + 1).padStart(12, '0')}`,
      tenantId,
      personId: 'k1',
      name: order.name,
      prefix: 'abcdefgh',
      scopes: order.scopes as Grant[],
      allowedNetworks: [...(order.allowedNetworks ?? [])],
      publicKey: order.publicKey ?? null,
      requireSignature: order.requireSignature ?? false,
      rateLimit: order.rateLimit ?? null,
      expiresAt: order.expiresAt === undefined ? null : new Date(order.expiresAt),
      revokedAt: null,
      createdAt: new Date('2026-01-31T12:00:00Z'),
      previousValidUntil: null,
      lastUsedAt: null,
      lastUsedFrom: null,
    };
    this.keys.unshift(key);
    return { ...key, key: 'pk_abcdefgh_secret' };
  };

  rotate: ApiKeys['rotate'] = async ({ tenantId }, keyId, overlapMs) => {
    this.overlaps.push(overlapMs);
    const key = await this.get(tenantId, keyId);
    return isRefusal(key) ? key : { ...key, key: 'pk_abcdefgh_secret2' };
  };

  revoke: ApiKeys['revoke'] = async ({ tenantId }, keyId) => {
    const key = await this.get(tenantId, keyId);
    if (isRefusal(key)) return key;
    const revoked = { ...key, revokedAt: new Date('2026-01-31T13:00:00Z') };
    this.keys = this.keys.map((one) => (one.keyId === keyId ? revoked : one));
    return revoked;
  };
}
