import { refuse } from '../../base/kernel/index.ts';
import type { EndpointView, GatewayAnswer, GatewayRequest } from '../../roads/gateway/index.ts';
import type { Services } from './services.ts';

const NOT_FOUND = refuse('not_found', 'There is none.');

const ENDPOINT: EndpointView = {
  id: '01890000-0000-7000-8000-00000000f404',
  merchant: 'shop',
  method: 'GET',
  path: '/weather/*',
  asset: 'USDC',
  scheme: 'exact',
  price: '0.01',
  priceAtomic: '10000',
  usageHeader: null,
  unitPrice: null,
  unitSize: null,
  withoutUsage: null,
  payTo: `0x${'cd'.repeat(20)}`,
  assetTransferMethod: 'eip3009',
  upstream: 'https://up.example/',
  onFailure: 'refund',
  timeoutMs: 30_000,
  maxResponseBytes: 1_048_576,
  description: null,
  status: 'in_force',
  effectiveAt: '2026-01-01T00:00:00.000Z',
  pending: null,
};

/** One priced endpoint of one tenant, in memory, for tests. */
export class FakeGateway implements NonNullable<Services['gateway']> {
  asked: GatewayRequest[] = [];
  given: GatewayAnswer = { kind: 'answer', status: 200, headers: {}, body: Buffer.from('fine') };
  readonly #tenantId: string;

  constructor(tenantId: string) {
    this.#tenantId = tenantId;
  }

  origin() {
    return 'https://pay.example';
  }

  async answer(request: GatewayRequest) {
    this.asked.push(request);
    return this.given;
  }

  async put() {
    return ENDPOINT;
  }

  async list({ tenantId }: { tenantId: string }) {
    return tenantId === this.#tenantId ? [ENDPOINT] : [];
  }

  async get({ tenantId }: { tenantId: string }, id: string) {
    return tenantId === this.#tenantId && id === ENDPOINT.id ? ENDPOINT : NOT_FOUND;
  }

  async remove(of: { tenantId: string }, id: string) {
    return this.get(of, id);
  }

  async veto(of: { tenantId: string }, id: string) {
    return this.get(of, id);
  }
}
