import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../../base/kernel/index.ts';
import { FakeServices } from '../../fixtures/services.fixture.ts';
import { buildServer } from '../../server.ts';

let services: FakeServices;
let app: FastifyInstance;
beforeEach(async () => {
  services = new FakeServices();
  app = await buildServer({ services, log: silentLog, version: '0', bodyLimitBytes: 65_536 });
});
afterEach(() => app.close());

const call = (method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object, key = 'all') =>
  app.inject({
    ...{ method, url, headers: { authorization: `Bearer ${key}` } },
    ...(payload === undefined ? {} : { payload }),
  });

describe('freezes', () => {
  it('are placed with 201, and with 200 where they stood', async () => {
    const body = { scope: 'global', reason: 'a leak' };
    const placed = await call('POST', '/v1/freeze', body);
    expect([placed.statusCode, placed.json()]).toEqual([201, services.freezes.views[0]]);
    expect((await call('POST', '/v1/freeze', body)).statusCode).toBe(200);
    const empty = await call('POST', '/v1/freeze');
    expect([empty.statusCode, empty.json().code]).toEqual([400, 'invalid_json']);
  });

  it('are lifted with 202 for the first word and 200 for the second', async () => {
    const { id } = (await call('POST', '/v1/freeze', { scope: 'global', reason: 'a leak' })).json();
    const path = `/v1/freeze/${id.toUpperCase()}`;
    const first = await call('DELETE', path, { reason: 'mended' });
    expect([first.statusCode, first.json().proposal.reason]).toEqual([202, 'mended']);
    const second = await call('DELETE', path, { reason: 'mended' });
    expect([second.statusCode, second.json().lifted.confirmedBy]).toEqual([200, 'k1']);
    expect((await call('DELETE', path)).statusCode).toBe(400);
    expect((await call('DELETE', '/v1/freeze/none', { reason: 'x' })).statusCode).toBe(404);
    expect((await call('DELETE', path, { reason: 'x' }, 'other')).statusCode).toBe(404);
  });

  it('are listed by pages and by state', async () => {
    for (const reason of ['a', 'b', 'c'])
      await call('POST', '/v1/freeze', { scope: 'global', reason });
    const first = (await call('GET', '/v1/freeze?limit=2&state=standing')).json();
    expect(first.freezes.map(({ reason }: { reason: string }) => reason)).toEqual(['c', 'b']);
    const rest = (await call('GET', `/v1/freeze?cursor=${first.cursor}`)).json();
    expect([rest.freezes.length, rest.cursor]).toEqual([1, null]);
    expect((await call('GET', '/v1/freeze?state=lifted')).json().freezes).toEqual([]);
    expect((await call('GET', '/v1/freeze?state=x')).json().code).toBe('invalid_request');
    expect((await call('GET', '/v1/freeze?scope=x')).json().code).toBe('unknown_field');
    const foreign = await call('GET', `/v1/freeze?cursor=${first.cursor}`, undefined, 'other');
    expect(foreign.json().code).toBe('invalid_cursor');
  });
});
