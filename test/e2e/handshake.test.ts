import { chmodSync, statSync } from 'node:fs';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../src/base/kernel/index.ts';
import { DatabaseCopy } from '../support/database-copy.ts';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient, runOutLeases, tokenPayments } from '../support/laws.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

let on: Installation;
let main: TcpProxy;
let journal: TcpProxy;
let copies: DatabaseCopy[];
/** What the log has at error level, and what tells its end. */
let told: { code?: unknown; reason?: unknown; message: string }[];
/** Every order that was ever made, by its key. */
let orders: Map<string, { account: string; asset: string; amount: string; to: string }>;

beforeEach(async () => {
  copies = [];
  told = [];
  orders = new Map();
  const ignore = () => {};
  const log: Log = {
    debug: ignore,
    info: (_fields, message) => void (message.startsWith('signing') && told.push({ message })),
    warn: ignore,
    error: (fields, message) => told.push({ ...fields, message }),
  };
  on = await Installation.make({
    lanes: 1,
    blockTime: 0.1,
    log,
    settings: async (settings) => {
      main = await TcpProxy.start(settings.database.url);
      journal = await TcpProxy.start(settings.signer!.databaseUrl);
      return settings;
    },
    roleSettings: (_role, settings) => ({
      ...settings,
      database: { ...settings.database, url: main.url(settings.database.url) },
      signer: settings.signer && {
        ...settings.signer,
        databaseUrl: journal.url(settings.signer.databaseUrl),
      },
    }),
  });
  await on.startApi();
  await on.startSigner();
  await on.startWorker();
  await on.deposit('alice', 'USDC', '100000');
  await pay('a', 3);
});
afterEach(async () => {
  await on?.stop();
  for (const proxy of [main, journal]) await proxy?.stop();
  for (const copy of copies) await copy.drop();
});

/** Asks for `count` payments under new keys; each has a recipient of its own. */
async function submit(prefix: string, count: number): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, n) => `${prefix}${n}`);
  for (const key of keys) {
    const to = recipient(orders.size);
    orders.set(key, { account: 'alice', asset: 'USDC', amount: '2', to });
  }
  await repeat(keys);
  return keys;
}

/** Sends orders under their keys; returns the ids of the withdrawals. */
async function repeat(keys: Iterable<string>): Promise<string[]> {
  const ids: string[] = [];
  for (const key of keys) {
    const answer = await until(`an answer for ${key}`, async () => {
      const given = await on.withdraw(orders.get(key)!, key);
      return given.status !== 503 && given;
    });
    expect([key, answer.status]).toEqual([key, 202]);
    ids.push(answer.body['id'] as string);
  }
  return ids;
}

async function completed(keys: Iterable<string>): Promise<void> {
  for (const id of await repeat(keys)) expect((await on.waitFor(id))['status']).toBe('COMPLETED');
}

const pay = async (prefix: string, count: number) => completed(await submit(prefix, count));

async function copyOf(url: string): Promise<DatabaseCopy> {
  await quiet(on);
  const proxy = url === on.databases.mainUrl ? main : journal;
  proxy.down();
  const copy = await DatabaseCopy.of(on.databases, url);
  copies.push(copy);
  proxy.up();
  return copy;
}

async function swap(copy: DatabaseCopy, proxy: TcpProxy): Promise<void> {
  proxy.down();
  await copy.swap();
  proxy.up();
}

async function signing(): Promise<{ ok: boolean; detail: string }> {
  const { status, body } = await on.call<{
    checks: Record<string, { ok: boolean; detail: string }>;
  }>('GET', '/readyz');
  return status === 200 ? body.checks['signing']! : { ok: true, detail: 'not ready' };
}

const frozen = (code: string) =>
  until(`frozen by ${code}`, async () => {
    const { ok, detail } = await signing();
    return !ok && detail.includes(`(${code})`);
  });
const thawed = () =>
  until('signing to go on', async () => (await signing()).detail === 'not frozen');

const claims = async () =>
  (await on.rows('SELECT 1 FROM signature_request WHERE claimed_at IS NOT NULL')).length;

/** Blocks pass and the signer looks again and again; nothing moves. */
async function nothingIsSigned(): Promise<void> {
  const before = await claims();
  const blocks = async () => Number(await on.anvil.rpc<string>('eth_blockNumber'));
  const height = await blocks();
  await until('blocks', async () => (await blocks()) >= height + 20);
  expect(await claims()).toBe(before);
  for (const [to, amounts] of await tokenPayments(on))
    expect([to, amounts.length]).toEqual([to, 1]);
}

/** Every order was paid, and once. */
async function paidOnce(): Promise<void> {
  const ageing = setInterval(() => void runOutLeases(on), 2_000);
  await completed(orders.keys()).finally(() => clearInterval(ageing));
  await quiet(on);
  const paid = await tokenPayments(on);
  for (const [key, { to }] of orders) expect([key, paid.get(to)]).toEqual([key, [2_000_000n]]);
  expect(paid.size).toBe(orders.size);
  await expectLaws(on);
}

async function signingEvents(): Promise<{ type: string; data: unknown }[]> {
  type Events = { events: { type: string; data: unknown }[] };
  const { body } = await on.call<Events>('GET', '/v1/events?limit=200');
  return body.events.filter(({ type }) => type.startsWith('signing.'));
}

const freezesTold = () => told.filter(({ code }) => code === 'signing_frozen');

describe('a database put back to an older copy', () => {
  it('the main one, under running processes, and every key repeated: signing stops by itself and goes on by itself', async () => {
    const copy = await copyOf(on.databases.mainUrl);
    await pay('b', 3);
    await quiet(on);
    await swap(copy, main);
    await frozen('main_behind');
    await repeat(orders.keys());
    await nothingIsSigned();
    expect(freezesTold()).toMatchObject([{ reason: 'main_behind' }]);
    const event = await until('the event', async () => (await signingEvents())[0]);
    expect(event).toMatchObject({ type: 'signing.frozen', data: { code: 'main_behind' } });
    await swap(copy, main);
    await thawed();
    await submit('c', 3);
    await paidOnce();
    expect(told.at(-1)!.message).toContain('signing goes on');
  });

  it("the signer's, under running processes: signing stops until the newest is back", async () => {
    const copy = await copyOf(on.databases.signerUrl);
    await pay('b', 2);
    await quiet(on);
    await swap(copy, journal);
    await submit('c', 2);
    await frozen('journal_behind');
    await repeat(orders.keys());
    await nothingIsSigned();
    await swap(copy, journal);
    await thawed();
    await paidOnce();
    expect((await signingEvents()).map(({ type }) => type)).toEqual([
      'signing.frozen',
      'signing.resumed',
    ]);
  });

  it('both together: the witness stops it', async () => {
    const copy = await copyOf(on.databases.mainUrl);
    const other = await copyOf(on.databases.signerUrl);
    await pay('b', 2);
    await quiet(on);
    main.down();
    await swap(other, journal);
    await swap(copy, main);
    await frozen('both_behind');
    await repeat(orders.keys());
    await nothingIsSigned();
    main.down();
    await swap(other, journal);
    await swap(copy, main);
    await thawed();
    await paidOnce();
  });

  it('the main one, while the signer was down, and moved on before it came back', async () => {
    const copy = await copyOf(on.databases.mainUrl);
    await pay('b', 2);
    await quiet(on);
    await on.stopRole('signer');
    const position = async () =>
      (await on.rows<{ position: bigint }>('SELECT position FROM event_sequencer'))[0]!.position;
    const last = await position();
    await swap(copy, main);
    await until('more events than were ever seen', async () => {
      await submit(`m${orders.size}-`, 3);
      return (await position()) > last;
    });
    await repeat(orders.keys());
    await on.startSigner();
    await frozen('main_behind');
    await nothingIsSigned();
    await swap(copy, main);
    await thawed();
    await paidOnce();
  });
});

describe('what is told and passes', () => {
  const waiting = () =>
    until('the waiting to be told', async () =>
      told.find(({ message }) => message.startsWith('signing waits')),
    );
  const signerOwner = async () => {
    const client = new pg.Client({ connectionString: on.databases.signerUrl });
    await client.connect();
    return client;
  };
  const signed = async () => {
    const client = await signerOwner();
    const { rows } = await client.query<{ entries: number; unsigned: number; bound: number }>(
      `SELECT (SELECT count(*)::int FROM journal) AS entries, (SELECT count(*)::int FROM slot_binding) AS bound,
         (SELECT count(*)::int FROM journal WHERE signed IS NULL) AS unsigned`,
    );
    await client.end();
    return rows[0]!;
  };

  it('a witness that can not be written: nothing is signed past it, and it goes on when it can be', async () => {
    const file = on.settings.signer!.witnessFile;
    const mode = statSync(file).mode;
    const root = process.geteuid?.() === 0;
    chmodSync(on.folder, 0o555);
    chmodSync(file, 0o444);
    // To root nothing is read-only.
    if (root) process.seteuid!(65_534);
    try {
      await submit('b', 2);
      expect((await waiting())!['message']).toContain('goes on by itself');
      expect((await signed()).unsigned).toBeGreaterThan(0);
      expect(await signing()).toEqual({ ok: true, detail: 'not frozen' });
      expect((await tokenPayments(on)).size).toBe(3);
    } finally {
      if (root) process.seteuid!(0);
      chmodSync(on.folder, 0o755);
      chmodSync(file, mode);
    }
    await paidOnce();
    expect(freezesTold()).toEqual([]);
    expect((await signed()).unsigned).toBe(0);
  });

  /** The server's own error for a full disk, raised where the journal would grow: the disk itself is not filled. */
  it('the disk of the journal full: nothing half done, and it goes on when there is room', async () => {
    const before = await signed();
    const owner = await signerOwner();
    await owner.query(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
    for (const table of ['journal', 'journal_batch', 'slot_binding', 'refusal', 'journal_head']) {
      await owner.query(
        `CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON ${table} EXECUTE FUNCTION full_disk()`,
      );
    }
    await submit('b', 2);
    expect(await waiting()).toMatchObject({ error: expect.stringContaining('No space left') });
    expect(await signed()).toEqual(before);
    expect(await signing()).toEqual({ ok: true, detail: 'not frozen' });
    await owner.query('DROP FUNCTION full_disk CASCADE');
    await owner.end();
    await paidOnce();
    expect((await signed()).unsigned).toBe(0);
    expect(freezesTold()).toEqual([]);
  });
});
