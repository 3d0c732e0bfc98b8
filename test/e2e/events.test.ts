import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation, type TestKey } from '../support/installation.ts';
import { quiet, recipient } from '../support/laws.ts';
import { EventStream } from '../support/sse.ts';
import { until } from '../support/until.ts';

type Event = {
  cursor: string;
  id: string;
  type: string;
  withdrawalId: string | null;
  correlationId: string | null;
};

/** Every state of a paid withdrawal and of its transaction, in the order that they are entered. */
const ROAD = {
  withdrawal: ['reserved', 'approved', 'executing', 'completed'],
  tx: ['created', 'slotted', 'signed', 'broadcasted', 'included', 'final'],
};

describe('the events of a tenant', () => {
  let on: Installation;
  let other: TestKey;
  let ids: string[];
  let whole: EventStream;

  beforeAll(async () => {
    on = await Installation.start({ lanes: 2, blockTime: 0.1 });
    other = await on.addTenant('other');
    await on.deposit('alice', 'USDC', '100000');
    whole = await stream();
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        on.withdraw({ account: 'alice', asset: 'USDC', amount: '2', to: recipient(n) }),
      ),
    );
    ids = answers.map((answer) => answer.body['id'] as string);
  });
  afterAll(async () => {
    await whole?.close();
    await on?.stop();
  });

  const stream = (after = '', headers: Record<string, string> = {}) =>
    EventStream.open(`${on.url}/v1/events${after}`, {
      authorization: `Bearer ${on.apiKey}`,
      ...headers,
    });
  const readAll = async (limit: number, key = on.apiKey): Promise<Event[]> => {
    const all: Event[] = [];
    for (let cursor = ''; ; ) {
      const after = cursor === '' ? '' : `&after=${encodeURIComponent(cursor)}`;
      const { status, body } = await on.call<{ events: Event[]; cursor: string }>(
        'GET',
        `/v1/events?limit=${limit}${after}`,
        undefined,
        { authorization: `Bearer ${key}` },
      );
      expect(status).toBe(200);
      if (body.events.length === 0) return all;
      all.push(...body.events);
      cursor = body.cursor;
    }
  };
  /** What was stored, whatever its order. */
  const stored = async () =>
    (
      await on.rows<{ event_id: string }>('SELECT event_id FROM event WHERE tenant_id = $1', [
        on.tenantId,
      ])
    ).map((row) => row.event_id);
  type Told = { event: string; data: Record<string, unknown> };
  /** Finality and the commit are told by two steps, whichever comes first. */
  const ENDS = ['tx.final', 'withdrawal.completed'];
  const isEnd = (name: string, id: string) => (event: Told) =>
    event.event === name && event.data['withdrawalId'] === id;

  it('are streamed while they happen, each withdrawal in the order of its states', async () => {
    for (const id of ids) {
      for (const name of ENDS) await whole.find(`${name} of ${id}`, isEnd(name, id));
    }
    for (const id of ids) {
      const own = whole.events.filter((event) => event.data['withdrawalId'] === id);
      for (const machine of ['withdrawal', 'tx'] as const) {
        const states = own
          .filter((event) => event.event.startsWith(`${machine}.`))
          .map((event) => event.event.slice(machine.length + 1));
        // A block may hold bytes whose acceptance was not recorded yet.
        const road = ROAD[machine].filter(
          (state) => state !== 'broadcasted' || states.includes('broadcasted'),
        );
        expect(states).toEqual(road);
      }
      expect(own[0]!.event).toBe('withdrawal.reserved');
      expect(new Set(own.map((event) => event.data['correlationId'])).size).toBe(1);
    }
  });

  it('are the same by cursor as by stream, whatever the page, with nothing skipped or twice', async () => {
    await quiet(on);
    await until('every event to be numbered', async () => {
      const [numbered] = await on.rows<{ events: bigint }>(
        'SELECT sum(size) AS events FROM event_order WHERE tenant_id = $1',
        [on.tenantId],
      );
      return numbered!.events === BigInt((await stored()).length);
    });
    const expected = await stored();
    for (const limit of [7, 200]) {
      const read = await readAll(limit);
      expect(read.map((event) => event.id).sort()).toEqual([...expected].sort());
    }
    const byCursor = (await readAll(200)).map((event) => [event.cursor, event.type]);
    await until('the stream to have them all', async () => whole.events.length >= expected.length);
    expect(whole.events.map((event) => [event.id, event.event])).toEqual(byCursor);
  });

  it('resume behind Last-Event-ID, which wins over the query', async () => {
    const all = await readAll(200);
    const place = all[Math.floor(all.length / 2)]!;
    const rest = all.slice(all.indexOf(place) + 1).map((event) => event.cursor);
    const resumed = await stream('?after=latest', { 'last-event-id': place.cursor });
    await until('the rest', async () => resumed.events.length >= rest.length);
    expect(resumed.events.map((event) => event.id)).toEqual(rest);
    await resumed.close();
  });

  it('go on for whoever begins at the latest', async () => {
    const latest = await stream('?after=latest');
    const { body } = await on.withdraw({
      account: 'alice',
      asset: 'USDC',
      amount: '2',
      to: recipient(100),
    });
    await latest.find('its end', isEnd('tx.final', body['id'] as string));
    expect(latest.events[0]).toMatchObject({ event: 'withdrawal.reserved' });
    expect(new Set(latest.events.map((event) => event.data['withdrawalId']))).toEqual(
      new Set([body['id']]),
    );
    await latest.close();
  });

  it('are delivered in less than a second after their commit', async () => {
    const [lag] = await on.rows<{ n: bigint }>(
      `SELECT count(*) AS n FROM event e LEFT JOIN event_order o USING (batch_id)
       WHERE o.batch_id IS NULL AND e.at < clock_timestamp() - interval '1 second'`,
    );
    expect(lag!.n).toBe(0n);
  });

  it('are not shown to another tenant, nor is its cursor taken', async () => {
    expect(await readAll(200, other.key)).toEqual([]);
    const foreign = await EventStream.open(`${on.url}/v1/events`, {
      authorization: `Bearer ${other.key}`,
    });
    const { body } = await on.withdraw({
      account: 'alice',
      asset: 'USDC',
      amount: '2',
      to: recipient(101),
    });
    await whole.find('its end', isEnd('tx.final', body['id'] as string));
    expect(foreign.events).toEqual([]);
    await foreign.close();
    const last = whole.events.at(-1)!.id;
    for (const headers of [{}, { accept: 'text/event-stream', 'last-event-id': last }]) {
      const answer = await on.call('GET', `/v1/events?after=${last}`, undefined, {
        authorization: `Bearer ${other.key}`,
        ...headers,
      });
      expect([answer.status, answer.body['code']]).toEqual([400, 'invalid_cursor']);
    }
  });

  it('are ordered by commit: of two open writers the later one is not skipped', async () => {
    const before = await readAll(200);
    const insert = `INSERT INTO event_batch (tenant_id, type, size, subject_ids, data) VALUES ($1, $2, 1, '{NULL}', '[{}]')`;
    const slow = await on.owner.connect();
    await slow.query('BEGIN');
    await slow.query(insert, [on.tenantId, 'test.slow']);
    await on.owner.query(insert, [on.tenantId, 'test.fast']);
    const fast = await whole.find('the one that committed', (event) => event.event === 'test.fast');
    await slow.query('COMMIT');
    slow.release();
    await whole.find('the one that was open', (event) => event.event === 'test.slow');
    const page = await on.call<{ events: Event[] }>(
      'GET',
      `/v1/events?after=${encodeURIComponent(fast.id)}`,
    );
    expect(page.body.events.map((event) => event.type)).toContain('test.slow');
    expect((await readAll(200)).slice(0, before.length)).toEqual(before);
  });
});
