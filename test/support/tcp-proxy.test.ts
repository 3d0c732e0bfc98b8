import pg from 'pg';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { TcpProxy } from './tcp-proxy.ts';

let proxy: TcpProxy;
let client: pg.Client;
beforeEach(async () => {
  proxy = await TcpProxy.start(inject('postgresUrl'));
  client = new pg.Client({ connectionString: proxy.url(inject('postgresUrl')) });
  client.on('error', () => {});
  await client.connect();
});
afterEach(async () => {
  await client.end().catch(() => {});
  await proxy.stop();
});

it('passes what is said, and cuts in the place of an answer', async () => {
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  const lost = proxy.loseAnswer('SELECT 2');
  await expect(client.query('SELECT 2')).rejects.toThrow(/terminated|ECONNRESET/);
  await lost;
  expect(proxy.connections).toBe(0);
});

it('cuts before a request is delivered, and refuses while it is down', async () => {
  const lost = proxy.loseRequest('SELECT 3');
  await expect(client.query('SELECT 3')).rejects.toThrow(/terminated|ECONNRESET/);
  await lost;
  proxy.down();
  const other = new pg.Client({ connectionString: proxy.url(inject('postgresUrl')) });
  other.on('error', () => {});
  await expect(other.connect()).rejects.toThrow();
});
