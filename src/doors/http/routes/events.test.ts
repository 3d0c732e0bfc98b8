import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Log, silentLog, Transient } from '../../../base/kernel/index.ts';
import { FakeServices, OTHER_TENANT, TENANT } from '../fixtures/services.fixture.ts';
import { buildServer } from '../server.ts';

let services: FakeServices;
let app: FastifyInstance;
let warnings: string[];
let base: string;

beforeEach(async () => {
  services = new FakeServices();
  warnings = [];
  const log: Log = { ...silentLog, warn: (_fields, message) => warnings.push(message) };
  app = await buildServer({
    services,
    log,
    version: '0',
    bodyLimitBytes: 65_536,
    timing: { heartbeatMs: 40, pollMs: 10 },
  });
  base = await app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(() => app.close());

const read = (query: string, bearer = 'all') =>
  app.inject({ url: `/v1/events${query}`, headers: { authorization: `Bearer ${bearer}` } });

describe('GET /v1/events', () => {
  it('pages through all events of the tenant and no other', async () => {
    services.append(2);
    services.append(1, OTHER_TENANT);
    services.append(3);
    const seen: string[] = [];
    let after = '';
    for (;;) {
      const page = (await read(`?limit=2${after}`)).json();
      if (page.events.length === 0) break;
      seen.push(...page.events.map((event: { id: string }) => event.id));
      after = `&after=${page.cursor}`;
    }
    const mine = services.history.filter((event) => event.tenantId === TENANT);
    expect(seen).toEqual(mine.map((event) => event.id));
  });

  it('gives a cursor at the end behind which new events come', async () => {
    services.append(1);
    const { cursor } = (await read('')).json();
    expect((await read(`?after=${cursor}`)).json()).toEqual({ events: [], cursor });
    services.append(1);
    expect((await read(`?after=${cursor}`)).json().events).toHaveLength(1);
  });

  it('starts at the present end with after=latest', async () => {
    services.append(3);
    const { events, cursor } = (await read('?after=latest')).json();
    expect(events).toEqual([]);
    services.append(1);
    expect((await read(`?after=${cursor}`)).json().events).toHaveLength(1);
  });

  it('refuses cursors of other tenants, of another epoch, and from beyond the end', async () => {
    services.append(2);
    const { cursor } = (await read('')).json();
    expect((await read(`?after=${cursor}`, 'other')).json().code).toBe('invalid_cursor');
    services.history.pop();
    expect((await read(`?after=${cursor}`)).json().code).toBe('invalid_cursor');
    services.append(1);
    services.epoch = 'epoch-2';
    expect((await read(`?after=${cursor}`)).json().code).toBe('invalid_cursor');
    expect((await read('?after=5')).json().code).toBe('invalid_cursor');
    expect((await read('?cursor=5')).json().code).toBe('unknown_field');
  });
});

/** One stream over a real socket. */
class Stream {
  text = '';
  ended = false;
  response: IncomingMessage | null = null;
  readonly request: ClientRequest;
  readonly #changed = new Set<() => void>();

  constructor(query = '', headers: Record<string, string> = {}) {
    const all = { authorization: 'Bearer all', accept: 'text/event-stream', ...headers };
    this.request = get(`${base}/v1/events${query}`, { headers: all, agent: false }, (response) => {
      this.response = response;
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        this.text += text;
        this.#tell();
      });
      response.on('close', () => {
        this.ended = true;
        this.#tell();
      });
      response.on('error', () => {});
      this.#tell();
    });
    this.request.on('error', () => {
      this.ended = true;
      this.#tell();
    });
  }

  get frames() {
    return this.text
      .split('\n\n')
      .filter((block) => block.startsWith('id:'))
      .map((block) => Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s))));
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        const changed = () => {
          this.#changed.delete(changed);
          resolve();
        };
        this.#changed.add(changed);
      });
    }
  }

  #tell(): void {
    for (const changed of this.#changed) changed();
  }
}

describe('the event stream', () => {
  it('sends what is there and then what comes, as id, event and data', async () => {
    services.append(2, TENANT, { note: 'line\nbreak' });
    const stream = new Stream();
    await stream.until(() => stream.frames.length === 2);
    services.append(1);
    await stream.until(() => stream.frames.length === 3);
    stream.request.destroy();
    expect(stream.response?.headers['content-type']).toMatch('text/event-stream');
    expect(stream.response?.headers['correlation-id']).toMatch(/./);
    const [frame] = stream.frames;
    expect(frame?.['event']).toBe('withdrawal.reserved');
    const data = JSON.parse(frame?.['data'] ?? '');
    expect(data).toMatchObject({ cursor: frame?.['id'], data: { note: 'line\nbreak' } });
    expect(data.position).toBeUndefined();
  });

  it('resumes behind Last-Event-ID, which wins over after', async () => {
    services.append(3);
    const { events } = (await read('')).json();
    const resumed = { 'last-event-id': events[1].cursor };
    const stream = new Stream(`?after=${events[0].cursor}`, resumed);
    await stream.until(() => stream.frames.length > 0);
    stream.request.destroy();
    expect(stream.frames.map((frame) => frame['id'])).toEqual([events[2].cursor]);
  });

  it('refuses a Last-Event-ID from elsewhere before the stream begins', async () => {
    const stream = new Stream('', { 'last-event-id': 'abc' });
    await stream.until(() => stream.ended);
    expect(stream.response?.statusCode).toBe(400);
    expect(stream.text).toContain('invalid_cursor');
  });

  it('finds events by polling when no wake-up comes', async () => {
    const stream = new Stream();
    await stream.until(() => services.listeners.size === 1);
    services.listeners.clear();
    services.append(1);
    await stream.until(() => stream.frames.length === 1);
    stream.request.destroy();
  });

  it('sends a comment when it is quiet', async () => {
    const stream = new Stream();
    await stream.until(() => stream.text.includes(': heartbeat\n\n: heartbeat'));
    stream.request.destroy();
  });

  it('ends when its key is revoked', async () => {
    const stream = new Stream();
    await stream.until(() => stream.response !== null);
    delete services.keys['all'];
    await stream.until(() => stream.ended);
    expect(warnings).toEqual([]);
  });

  it('ends when its key is revoked while it still sends what was there', async () => {
    services.append(1_000);
    // After its first page.
    services.onEventRead = () => {
      if (services.eventReads === 2) delete services.keys['all'];
    };
    const stream = new Stream();
    await stream.until(() => stream.ended);
    expect(stream.frames).toHaveLength(400);
  });

  it('ends when the events can not be read, and says so in the log', async () => {
    const stream = new Stream();
    await stream.until(() => stream.response !== null);
    services.fault = new Transient('the database is gone');
    await stream.until(() => stream.ended);
    services.fault = null;
    expect(warnings).toEqual(['an event stream ended early']);
  });

  it('stops reading when the client is gone', async () => {
    const stream = new Stream();
    await stream.until(() => stream.response !== null);
    stream.request.destroy();
    while (services.listeners.size > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('reads no further than the client does', async () => {
    const [pages, text] = [10, 'x'.repeat(20_000)];
    services.append(pages * 200, TENANT, { text });
    const stream = new Stream();
    await stream.until(() => stream.response !== null);
    stream.response?.pause();
    // The buffers of both sockets fill, then no page is read over many turns of the loop.
    let reads = -1;
    while (reads !== services.eventReads) {
      reads = services.eventReads;
      for (let turn = 0; turn < 50; turn += 1) await app.inject({ url: '/healthz' });
    }
    expect(reads).toBeLessThan(pages);
    stream.response?.resume();
    await stream.until(() => stream.text.length > pages * 200 * text.length);
    stream.request.destroy();
  });
});
