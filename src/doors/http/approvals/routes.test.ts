import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { refuse, silentLog } from '../../../base/kernel/index.ts';
import { FakeServices } from '../fixtures/services.fixture.ts';
import { buildServer } from '../server.ts';

const services = new FakeServices();
let app: FastifyInstance;
beforeAll(async () => {
  const version = '1';
  app = await buildServer({ services, log: silentLog, version, bodyLimitBytes: 1 << 20 });
});
afterAll(() => app.close());
beforeEach(() => {
  services.approvals.refusal = null;
  services.approvals.said = [];
});

const ask = (method: 'GET' | 'POST', url: string, payload?: object, key = 'all') =>
  app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${key}` },
    ...(payload && { payload }),
  });
const ID = '01890000-0000-7000-8000-000000000002';

describe('the routes of approvals', () => {
  it('list what waits, page by page', async () => {
    const first = (await ask('GET', '/v1/approvals?limit=2')).json();
    expect(first.approvals).toHaveLength(2);
    const second = (await ask('GET', `/v1/approvals?limit=2&cursor=${first.cursor}`)).json();
    expect(second).toMatchObject({ approvals: [services.approvals.views[2]], cursor: null });
    expect((await ask('GET', '/v1/approvals?state=x')).statusCode).toBe(400);
    expect((await ask('GET', '/v1/approvals?cursor=x')).json().code).toBe('invalid_cursor');
    expect((await ask('GET', '/v1/approvals', undefined, 'other')).json().approvals).toEqual([]);
  });

  it("read one of the tenant's own", async () => {
    expect((await ask('GET', `/v1/approvals/${ID}`)).json()).toEqual(services.approvals.views[1]);
    expect((await ask('GET', `/v1/approvals/${ID}`, undefined, 'other')).statusCode).toBe(404);
  });

  it('pass on signatures and rejections, with who rejects', async () => {
    const body = { approver: 'alice', signature: '0xab' };
    expect((await ask('POST', `/v1/approvals/${ID}/approve`, body)).statusCode).toBe(200);
    const no = await ask('POST', `/v1/approvals/${ID}/reject`, { reason: 'not ours' });
    expect(no.statusCode).toBe(200);
    expect(services.approvals.said).toEqual([
      { id: ID, body },
      { id: ID, body: { reason: 'not ours' }, by: 'API key k1' },
    ]);
  });

  it('tell a refusal with its own status, and refuse an empty body', async () => {
    services.approvals.refusal = refuse('approver_is_initiator', 'No.');
    const refused = await ask('POST', `/v1/approvals/${ID}/approve`, {
      approver: 'a',
      signature: '0xab',
    });
    expect([refused.statusCode, refused.json().code]).toEqual([403, 'approver_is_initiator']);
    for (const verb of ['approve', 'reject']) {
      expect((await ask('POST', `/v1/approvals/${ID}/${verb}`)).json().code).toBe('invalid_json');
    }
  });
});
