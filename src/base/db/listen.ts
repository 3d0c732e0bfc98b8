import pg from 'pg';
import type { DbRole } from './pool.ts';

/**
 * One connection that LISTENs, re-made with back-off when it breaks. Notifications only wake: whoever
 * listens also polls, since a notification sent while the connection was down is lost. After a
 * reconnection every callback is called once with an empty payload, so that nothing waits for a
 * notification that was missed.
 */
export class Listener {
  readonly #options: { url: string; role: DbRole; name: string };
  readonly #callbacks = new Map<string, ((payload: string) => void)[]>();
  #client: pg.Client | null = null;
  #timer: NodeJS.Timeout | null = null;
  #stopped = true;
  #failures = 0;

  constructor(options: { url: string; role: DbRole; name: string }) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#client !== null;
  }

  /** Call before start(). Channels are names of this program, never input. */
  on(channel: string, callback: (payload: string) => void): this {
    this.#callbacks.set(channel, [...(this.#callbacks.get(channel) ?? []), callback]);
    return this;
  }

  /** Resolves after the first try to connect, whether or not it worked. */
  async start(): Promise<void> {
    this.#stopped = false;
    await this.#connect();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#options.url,
      application_name: this.#options.name,
      ...(this.#options.role === 'owner' ? {} : { options: `-c role=${this.#options.role}` }),
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    });
    let lost = false;
    const onLost = () => {
      if (lost) return;
      lost = true;
      if (this.#client === client) this.#client = null;
      client.end().catch(() => {});
      this.#retry();
    };
    client.on('error', onLost);
    client.on('end', onLost);
    client.on('notification', ({ channel, payload }) => {
      for (const callback of this.#callbacks.get(channel) ?? []) callback(payload ?? '');
    });
    try {
      await client.connect();
      for (const channel of this.#callbacks.keys()) await client.query(`LISTEN ${channel}`);
    } catch {
      onLost();
      return;
    }
    if (lost) return;
    if (this.#stopped) {
      await client.end().catch(() => {});
      return;
    }
    this.#client = client;
    this.#failures = 0;
    for (const callbacks of this.#callbacks.values())
      for (const callback of callbacks) callback('');
  }

  #retry(): void {
    if (this.#stopped || this.#timer !== null) return;
    const delayMs = Math.random() * Math.min(5_000, 100 * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#connect();
    }, delayMs);
  }
}
