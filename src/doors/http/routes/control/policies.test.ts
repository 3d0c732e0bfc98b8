import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../../../base/kernel/index.ts';
import { principalOf } from '../../fixtures/api-keys.fixture.ts';
import { FakeServices, TENANT } from '../../fixtures/services.fixture.ts';
import { buildServer } from '../../server.ts';

let services: FakeServices;
let app: FastifyInstance;
beforeEach(async () => {
  services = new FakeServices();
  services.keys['second'] = principalOf(TENANT, 'k9', ['admin:policy']);
  app = await buildServer({ services, log: silentLog, version: '0', bodyLimitBytes: 65_536 });
});
afterEach(() => app.close());

const call = (method: 'GET' | 'POST', url: string, payload?: object, key = 'all') =>
  app.inject({
    ...{ method, url, headers: { authorization: `Bearer ${key}` } },
    ...(payload === undefined ? {} : { payload }),
  });
const draft = async (document = 'version: 1') =>
  call('POST', '/v1/policies', { document, reason: 'audit' });

it('a document is drafted with 201, or refused with its faults', async () => {
  const drafted = await draft();
  expect([drafted.statusCode, drafted.json()]).toEqual([201, services.policies.changes[0]]);
  const faulty = await draft('faulty');
  expect([faulty.statusCode, faulty.json().code]).toEqual([422, 'policy_faulty']);
  expect((await call('POST', '/v1/policies')).statusCode).toBe(400);
});

it('a document is compared without being kept', async () => {
  const diff = await call('POST', '/v1/policies/diff', { document: 'version: 1' });
  expect(diff.json()).toEqual({
    ...{ version: 'policy:1', effect: 'neutral', tightens: false, differences: [] },
  });
  expect(services.policies.changes).toEqual([]);
  expect((await call('POST', '/v1/policies/diff')).statusCode).toBe(400);
});

it('a document is tried on past withdrawals of the tenant', async () => {
  const simulate = (body?: object) => call('POST', '/v1/policies/simulate', body);
  const told = await simulate({ document: 'version: 1' });
  expect(told.json()).toMatchObject({ looked: 0, outcomes: [], differences: [], more: false });
  const faulty = await simulate({ document: 'faulty' });
  expect([faulty.statusCode, faulty.json().code]).toEqual([422, 'policy_faulty']);
  expect((await simulate()).statusCode).toBe(400);
});

it('a change takes its steps by two persons, and a veto by one', async () => {
  const { id } = (await draft()).json();
  const path = `/v1/policies/${id.toUpperCase()}`;
  expect((await call('POST', `${path}/propose`)).json()).toMatchObject({ status: 'PROPOSED' });
  const alone = await call('POST', `${path}/confirm`);
  expect([alone.statusCode, alone.json().code]).toEqual([409, 'second_person_required']);
  const second = await call('POST', `${path}/confirm`, undefined, 'second');
  expect(second.json()).toMatchObject({ status: 'SCHEDULED', confirmedBy: 'k9' });
  const vetoed = await call('POST', `${path}/veto`, { reason: 'too much' });
  expect(vetoed.json()).toMatchObject({ status: 'VETOED', endReason: 'too much' });
  expect((await call('POST', `${path}/veto`)).statusCode).toBe(400);
  expect((await call('POST', '/v1/policies/none/propose')).statusCode).toBe(404);
});

it('changes are listed by pages and read with their document', async () => {
  for (let n = 0; n < 3; n += 1) await draft();
  const first = (await call('GET', '/v1/policies?limit=2')).json();
  expect(first.policies).toHaveLength(2);
  const rest = (await call('GET', `/v1/policies?cursor=${first.cursor}`)).json();
  expect([rest.policies.length, rest.cursor]).toEqual([1, null]);
  const { id } = first.policies[0];
  expect((await call('GET', `/v1/policies/${id}`)).json().document).toBe('version: 1');
  expect((await call('GET', '/v1/policies/none')).statusCode).toBe(404);
  expect((await call('GET', '/v1/policies?status=x')).json().code).toBe('unknown_field');
});
