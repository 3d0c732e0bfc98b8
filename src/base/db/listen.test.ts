import { afterAll, beforeAll, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { TcpProxy } from '../../../test/support/tcp-proxy.ts';
import { Listener } from './index.ts';

let at: MainDatabase;
let proxy: TcpProxy;
beforeAll(async () => {
  at = await MainDatabase.start();
  proxy = await TcpProxy.start(at.databases.mainUrl);
});
afterAll(async () => {
  await proxy.stop();
  await at.stop();
});

/** What a channel says, in order, to be awaited one at a time. */
function heard(): { next(): Promise<string>; say(payload: string): void } {
  const said: string[] = [];
  let wake = () => {};
  return {
    say: (payload) => {
      said.push(payload);
      wake();
    },
    next: async () => {
      while (said.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return said.shift()!;
    },
  };
}

it('passes notifications on, and after a lost connection calls everybody once', async () => {
  const channel = heard();
  const other = heard();
  const listener = new Listener({
    url: proxy.url(at.databases.mainUrl),
    role: 'payonce_app',
    name: 'test',
  })
    .on('one', channel.say)
    .on('two', other.say);
  await listener.start();
  expect(listener.connected).toBe(true);
  expect([await channel.next(), await other.next()]).toEqual(['', '']);
  await at.app.query(`SELECT pg_notify('one', 'payload')`);
  expect(await channel.next()).toBe('payload');
  proxy.cut();
  // A notification sent now would be missed: the empty call stands for it.
  expect([await channel.next(), await other.next()]).toEqual(['', '']);
  await at.app.query(`SELECT pg_notify('two', 'again')`);
  expect(await other.next()).toBe('again');
  await listener.stop();
  expect(listener.connected).toBe(false);
});

it('starts while the database is away and listens when it is there', async () => {
  const channel = heard();
  proxy.down();
  const listener = new Listener({
    url: proxy.url(at.databases.mainUrl),
    role: 'payonce_app',
    name: 'test',
  }).on('one', channel.say);
  await listener.start();
  expect(listener.connected).toBe(false);
  proxy.up();
  expect(await channel.next()).toBe('');
  await at.app.query(`SELECT pg_notify('one', 'x')`);
  expect(await channel.next()).toBe('x');
  await listener.stop();
});
