import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../../base/kernel/index.ts';
import { principalOf } from '../fixtures/api-keys.fixture.ts';
import { FakeServices, TENANT } from '../fixtures/services.fixture.ts';
import { buildServer } from '../server.ts';

let server: FastifyInstance;
const services = new FakeServices();
beforeAll(async () => {
  services.authenticate = () => principalOf(TENANT, 'key', ['holds:clear']);
  server = (await buildServer({
    services,
    log: silentLog,
    version: 'test',
    bodyLimitBytes: 1_000_000,
    trustedProxies: [],
  })) as unknown as FastifyInstance;
});
afterAll(() => server.close());

const call = async (method: 'GET' | 'POST', url: string, payload?: object) => {
  const answer = await server.inject({
    method,
    url,
    headers: { authorization: 'Bearer k' },
    ...(payload === undefined ? {} : { payload }),
  });
  return { status: answer.statusCode, body: answer.json() as Record<string, unknown> };
};

describe('holds', () => {
  it('are listed page by page, newest first', async () => {
    const first = await call('GET', '/v1/holds?limit=2');
    expect(first.body['holds']).toHaveLength(2);
    const rest = await call('GET', `/v1/holds?limit=2&cursor=${first.body['cursor']}`);
    expect(rest.body).toMatchObject({ cursor: null });
    expect(rest.body['holds']).toHaveLength(1);
  });

  it('are cleared and rejected by the key that says so', async () => {
    const [one, two] = services.holds.views;
    expect(await call('POST', `/v1/holds/${one!.id}/clear`, {})).toMatchObject({
      status: 200,
      body: { status: 'cleared', answeredBy: expect.stringMatching(/^API key /) },
    });
    const reason = 'no name given';
    expect(await call('POST', `/v1/holds/${two!.id}/reject`, { reason })).toMatchObject({
      status: 200,
      body: { status: 'rejected', reason },
    });
    expect(await call('POST', '/v1/holds/none/clear', {})).toMatchObject({ status: 404 });
  });
});
