import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../../base/kernel/index.ts';
import { FakeServices, OTHER_TENANT, TENANT } from '../fixtures/services.fixture.ts';
import { buildServer } from '../server.ts';

let services: FakeServices;
let app: FastifyInstance;
beforeEach(async () => {
  services = new FakeServices();
  app = await buildServer({ services, log: silentLog, version: '0', bodyLimitBytes: 65_536 });
  services.acts = [1, 2, 3].map((n) => ({
    tenantId: n === 3 ? OTHER_TENANT : TENANT,
    id: `01890000-0000-7000-8000-00000000000${n}`,
    ...{ action: 'lane.paused', actor: 'ann', subject: String(n), correlationId: null },
    ...{ detail: { note: 'look' }, at: new Date(n) },
  }));
});
afterEach(() => app.close());

const get = (query: string, key = 'all') =>
  app.inject({ url: `/v1/audit${query}`, headers: { authorization: `Bearer ${key}` } });
const subjects = (answer: { json(): { entries: { subject: string }[] } }) =>
  answer.json().entries.map(({ subject }) => subject);

it('what was done in the tenant is listed by pages, newest first', async () => {
  const first = await get('?limit=1');
  expect(first.json().entries).toEqual([
    {
      ...{ id: '01890000-0000-7000-8000-000000000002', action: 'lane.paused', actor: 'ann' },
      ...{ subject: '2', correlationId: null, detail: { note: 'look' } },
      at: '1970-01-01T00:00:00.002Z',
    },
  ]);
  const second = await get(`?limit=1&cursor=${first.json().cursor}`);
  expect([subjects(second), second.json().cursor]).toEqual([['1'], null]);
  expect(subjects(await get('', 'other'))).toEqual(['3']);
});

it('entries are found by what was done, and to what', async () => {
  expect(subjects(await get('?action=lane.paused&subject=1'))).toEqual(['1']);
  expect(subjects(await get('?action=lane.resumed'))).toEqual([]);
});

it.each([
  ['action=Lane', 'invalid_request'],
  ['action=lane.', 'invalid_request'],
  ['limit=0', 'invalid_request'],
  ['cursor=x', 'invalid_cursor'],
  ['subject=a%00', 'invalid_request'],
  ['actor=ann', 'unknown_field'],
])('a query with %s is refused', async (query, code) => {
  const answer = await get(`?${query}`);
  expect([answer.statusCode, answer.json().code]).toEqual([400, code]);
});
