import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLog } from '../../../../base/kernel/index.ts';
import { FakeServices } from '../../fixtures/services.fixture.ts';
import { buildServer } from '../../server.ts';

let services: FakeServices;
let app: FastifyInstance;
beforeAll(async () => {
  services = new FakeServices();
  app = await buildServer({ services, log: silentLog, version: '0', bodyLimitBytes: 4096 });
});
afterAll(() => app.close());

it('the key of a merchant out of service hands in nothing, and refunds what is its own and no other’s', async () => {
  services.x402.merchant.inService = false;
  const headers = { authorization: 'Bearer all', 'idempotency-key': 'r-1' };
  const settled = await app.inject({ method: 'POST', url: '/x402/settle', headers, payload: {} });
  expect(settled.json()).toMatchObject({ status: 403, code: 'missing_scope' });
  expect(services.x402.asked).toEqual([]);
  const url = '/v1/payments/01890000-0000-7000-8000-00000000f402/refunds';
  const payload = { reason: 'late' };
  expect((await app.inject({ method: 'POST', url, headers, payload })).statusCode).toBe(202);
  expect(services.x402.refundedBy).toEqual([services.x402.merchant.merchantId]);
});
