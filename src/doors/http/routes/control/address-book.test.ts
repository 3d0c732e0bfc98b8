import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
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
const entry = (address: string) => ({ address, label: 'cold', reason: 'ticket 7' });

it('entries are added with 201, and with 200 where they were there', async () => {
  const added = await call('POST', '/v1/address-book', entry('0xa'));
  expect([added.statusCode, added.json()]).toEqual([201, services.addressBook.entries[0]]);
  expect((await call('POST', '/v1/address-book', entry('0xa'))).statusCode).toBe(200);
  expect((await call('POST', '/v1/address-book')).statusCode).toBe(400);
});

it('entries are removed by their id, each by its own tenant', async () => {
  const { id } = (await call('POST', '/v1/address-book', entry('0xa'))).json();
  const path = `/v1/address-book/${id.toUpperCase()}`;
  expect((await call('DELETE', path, { reason: 'r' }, 'other')).statusCode).toBe(404);
  expect((await call('DELETE', path, { reason: 'r' })).json().removedAt).not.toBeNull();
  expect((await call('DELETE', path)).statusCode).toBe(400);
});

it('entries are listed by pages, by account and by address in any case', async () => {
  for (const address of ['0xa', '0xb', '0xc'])
    await call('POST', '/v1/address-book', entry(address));
  const first = (await call('GET', '/v1/address-book?limit=2')).json();
  expect(first.entries.map(({ address }: { address: string }) => address)).toEqual(['0xc', '0xb']);
  const rest = (await call('GET', `/v1/address-book?cursor=${first.cursor}`)).json();
  expect([rest.entries.length, rest.cursor]).toEqual([1, null]);
  await call('GET', `/v1/address-book?account=alice&address=0x${'AB'.repeat(20)}`);
  expect(services.addressBook.lastFilter).toEqual({
    account: 'alice',
    address: `0x${'ab'.repeat(20)}`,
  });
  expect((await call('GET', '/v1/address-book?address=0x1')).json().code).toBe('invalid_request');
  expect((await call('GET', '/v1/address-book?label=x')).json().code).toBe('unknown_field');
});
