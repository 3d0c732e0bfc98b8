import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabases } from '../../../test/support/postgres.ts';
import { type Db, Listener, openPool, type Sql } from '../../base/db/index.ts';
import { type Clock, systemClock, Transient } from '../../base/kernel/index.ts';
import {
  createKey,
  createTenant,
  KeyCache,
  type KeyOrder,
  type NewApiKey,
  type RevocationFeed,
  revokeKey,
  rotateKey,
  type Tenant,
} from './index.ts';

let databases: Awaited<ReturnType<typeof testDatabases>>;
let db: Db;
let tenant: Tenant;

beforeAll(async () => {
  databases = await testDatabases();
  db = openPool({ url: databases.mainUrl, role: 'payonce_app', name: 'key-cache-test', max: 4 });
  tenant = (await createTenant(db, { name: 'acme' })) as Tenant;
});
afterAll(async () => {
  await db.end();
  await databases.drop();
});

/** Time that only moves when told. */
class HandClock implements Clock {
  at = 1_000_000;
  now = () => this.at;
  monotonic = () => this.at;
  sleep = systemClock.sleep;
}

/** The database with a door in front: it counts, breaks, and keeps answers back. */
class Door {
  queries = 0;
  hashes = 0;
  broken = false;
  held: Promise<void> | null = null;
  query: Sql['query'] = (async (query: { values: [Buffer[]] }) => {
    this.queries += 1;
    this.hashes += query.values[0].length;
    if (this.broken)
      throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const answer = await db.query(query as never);
    await this.held;
    return answer;
  }) as never;

  /** Keeps answers back until what it returns is called. */
  hold(): () => void {
    let open = () => {};
    this.held = new Promise((resolve) => {
      open = resolve;
    });
    return () => {
      this.held = null;
      open();
    };
  }
}

/** Announces when told, so that a test may also lose a notification. */
class HandFeed implements RevocationFeed {
  announce: (payload: string) => void = () => {};
  on(_channel: string, callback: (payload: string) => void) {
    this.announce = callback;
  }
}

function startCache() {
  const clock = new HandClock();
  const door = new Door();
  const feed = new HandFeed();
  const cache = new KeyCache({ sql: door, clock, feed });
  cache.start();
  return { cache, clock, door, feed };
}

async function makeKey(changes: Partial<KeyOrder> = {}): Promise<NewApiKey> {
  const order = { tenantId: tenant.tenantId, name: 'shop', scopes: ['withdrawals:*'], ...changes };
  return (await createKey(db, order)) as NewApiKey;
}

describe('a key that is good', () => {
  it('is looked up once for a hundred requests at once, and then answered from memory', async () => {
    const { cache, door } = startCache();
    const { key, keyId } = await makeKey();
    const identity = {
      tenantId: tenant.tenantId,
      tenantName: 'acme',
      keyId,
      personId: keyId,
      scopes: ['withdrawals:*'],
      networks: [],
      rateLimit: null,
      signature: null,
    };
    const answers = await Promise.all(Array.from({ length: 100 }, () => cache.authenticate(key)));
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toEqual(identity);
    expect(cache.authenticate(key)).toEqual(identity);
    expect(door.queries).toBe(1);
  });

  it('is checked again while in use, together with the others in use, and never waits for it', async () => {
    const { cache, clock, door } = startCache();
    const keys = await Promise.all(Array.from({ length: 20 }, () => makeKey()));
    const fresh = await makeKey();
    for (const { key } of keys) await cache.authenticate(key);
    const before = door.queries;
    door.hashes = 0;
    clock.at += 600;
    for (const { key } of keys) expect(cache.authenticate(key)).not.toBeInstanceOf(Promise);
    expect(door.queries).toBe(before);
    clock.at += 101;
    for (const { key } of keys) expect(cache.authenticate(key)).not.toBeInstanceOf(Promise);
    await cache.authenticate(fresh.key);
    expect(door.queries).toBe(before + 1);
    expect(door.hashes).toBe(21);
    clock.at += 650;
    for (const { key } of keys) expect(cache.authenticate(key)).not.toBeInstanceOf(Promise);
  });
});

describe('a key that is no good', () => {
  it('is a no without a query when it is malformed', () => {
    const { cache, door } = startCache();
    for (const token of ['', 'x', 'pk_abcdefgh_short', `Bearer pk_abcdefgh_${'a'.repeat(43)}`]) {
      expect(cache.authenticate(token)).toBeNull();
    }
    expect(door.queries).toBe(0);
  });

  it('is remembered as unknown for a second', async () => {
    const { cache, clock, door } = startCache();
    const token = `pk_abcdefgh_${'a'.repeat(43)}`;
    expect(await cache.authenticate(token)).toBeNull();
    expect(cache.authenticate(token)).toBeNull();
    expect(door.queries).toBe(1);
    clock.at += 1_000;
    expect(await cache.authenticate(token)).toBeNull();
    expect(door.queries).toBe(2);
  });

  it('is refused from the moment of its expiry, by the clock of the database', async () => {
    const { cache, clock } = startCache();
    const { key } = await makeKey({ expiresAt: new Date(Date.now() + 500).toISOString() });
    expect(await cache.authenticate(key)).not.toBeNull();
    clock.at += 500;
    expect(await cache.authenticate(key)).toBeNull();
  });
});

describe('a rotation', () => {
  it('lets both secrets in while they overlap, and the old one not a moment longer', async () => {
    const { cache, clock } = startCache();
    const { key, keyId } = await makeKey();
    const { key: next } = (await rotateKey(db, { keyId, overlapMs: 500 })) as NewApiKey;
    expect(await cache.authenticate(key)).toMatchObject({ keyId });
    expect(await cache.authenticate(next)).toMatchObject({ keyId });
    clock.at += 500;
    expect(await cache.authenticate(key)).toBeNull();
    expect(await cache.authenticate(next)).toMatchObject({ keyId });
  });

  it('without an overlap ends the old secret within a second', async () => {
    const { cache, clock } = startCache();
    const { key, keyId } = await makeKey();
    await cache.authenticate(key);
    const { key: next } = (await rotateKey(db, { keyId, overlapMs: 0 })) as NewApiKey;
    clock.at += 1_001;
    expect(await cache.authenticate(key)).toBeNull();
    expect(await cache.authenticate(next)).toMatchObject({ keyId });
  });
});

describe('a revocation', () => {
  it('holds at once when it is announced', async () => {
    const { cache, door, feed } = startCache();
    const { key, keyId } = await makeKey();
    await cache.authenticate(key);
    await revokeKey(db, { keyId });
    feed.announce(keyId);
    expect(await cache.authenticate(key)).toBeNull();
    expect(door.queries).toBe(2);
  });

  it('holds within a second when its notification is lost, whether the key is idle or in use', async () => {
    const { cache, clock } = startCache();
    const [idle, busy] = [await makeKey(), await makeKey()];
    await cache.authenticate(idle.key);
    await cache.authenticate(busy.key);
    await revokeKey(db, idle);
    await revokeKey(db, busy);
    for (let age = 0; age <= 1_000; age += 100) {
      await cache.authenticate(busy.key);
      clock.at += 100;
    }
    expect(await cache.authenticate(busy.key)).toBeNull();
    expect(await cache.authenticate(idle.key)).toBeNull();
  });

  it('is not undone by a query that began before it', async () => {
    const { cache, door, feed } = startCache();
    const { key, keyId } = await makeKey();
    const open = door.hold();
    const early = cache.authenticate(key);
    await expect.poll(() => door.queries).toBe(1);
    await revokeKey(db, { keyId });
    feed.announce(keyId);
    open();
    expect(await early).toBeNull();
    expect(await cache.authenticate(key)).toBeNull();
  });

  it('that was missed while the connection was down is found after it is back', async () => {
    const { cache, feed } = startCache();
    const { key, keyId } = await makeKey();
    await cache.authenticate(key);
    await revokeKey(db, { keyId });
    feed.announce('');
    expect(await cache.authenticate(key)).toBeNull();
  });

  it('reaches a process through the database', async () => {
    const listener = new Listener({ url: databases.mainUrl, role: 'payonce_app', name: 'keys' });
    // The clock stands still, so that only the notification can end the key.
    const cache = new KeyCache({ sql: db, clock: new HandClock(), feed: listener });
    cache.start();
    await listener.start();
    const { key, keyId } = await makeKey();
    expect(await cache.authenticate(key)).not.toBeNull();
    await revokeKey(db, { keyId });
    await expect.poll(() => cache.authenticate(key), { interval: 5 }).toBeNull();
    await cache.stop();
    await listener.stop();
  });
});

describe('while the database is away', () => {
  it('a key works for a second after its last check, then nobody is told yes or no', async () => {
    const { cache, clock, door } = startCache();
    const { key } = await makeKey();
    await cache.authenticate(key);
    door.broken = true;
    clock.at += 1_000;
    expect(cache.authenticate(key)).not.toBeInstanceOf(Promise);
    clock.at += 1;
    await expect(cache.authenticate(key)).rejects.toBeInstanceOf(Transient);
    await expect(cache.authenticate((await makeKey()).key)).rejects.toBeInstanceOf(Transient);
    door.broken = false;
    expect(await cache.authenticate(key)).not.toBeNull();
  });

  it('an answer that arrives too late is not a yes', async () => {
    const { cache, clock, door } = startCache();
    const { key } = await makeKey();
    const open = door.hold();
    const late = cache.authenticate(key);
    await expect.poll(() => door.queries).toBe(1);
    clock.at += 1_001;
    open();
    await expect(late).rejects.toBeInstanceOf(Transient);
  });

  it('a query that is never answered is given up', async () => {
    const { cache, clock, door } = startCache();
    clock.sleep = async () => {};
    const { key } = await makeKey();
    const open = door.hold();
    await expect(cache.authenticate(key)).rejects.toThrow('no answer in 2000 ms');
    open();
  });
});

it('nobody is let in after stop', async () => {
  const { cache } = startCache();
  const { key } = await makeKey();
  await cache.authenticate(key);
  await cache.stop();
  expect(() => cache.authenticate(key)).toThrow(Transient);
});
