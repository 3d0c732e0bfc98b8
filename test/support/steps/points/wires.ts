import type pg from 'pg';
import type { ChainPort } from '../../../../src/base/chain/index.ts';
import type { Db } from '../../../../src/base/db/index.ts';
import { Transient } from '../../../../src/base/kernel/index.ts';
import type { Actor } from './actor.ts';

/** What a connection that is gone answers, as the driver says it. */
function lost(): Error {
  return Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
}

/** A name for a statement in traces: its own, or its first words. */
function nameOf(statement: unknown): string {
  if (typeof statement === 'object' && statement !== null) {
    const { name, text } = statement as { name?: string; text?: string };
    return name ?? nameOf(text);
  }
  return String(statement).trim().split(/\s+/).slice(0, 4).join(' ');
}

const ENDS = new Set(['COMMIT', 'ROLLBACK']);

/**
 * What becomes of a session whose process is gone. Ended, as it would be; or, for thousands of deaths, only rolled
 * back, which is all that others see of its end, and kept for the next one: a new one costs 20 ms.
 */
export type Endings = 'end sessions' | 'roll back';

/** A connection of an actor: each statement is a point of it. Broken once, it answers nothing any more. */
class Connection {
  readonly #client: pg.PoolClient;
  readonly #actor: Actor;
  readonly #label: string;
  readonly #forget: () => void;
  readonly #endings: Endings;
  #broken = false;

  constructor(client: pg.PoolClient, wire: { actor: Actor; label: string; endings: Endings }) {
    this.#client = client;
    this.#actor = wire.actor;
    this.#label = wire.label;
    this.#endings = wire.endings;
    this.#forget = wire.actor.onDeath(async () => {
      await this.#cut();
      this.#giveBack();
    });
  }

  query(...args: unknown[]): Promise<unknown> {
    if (this.#broken) return Promise.reject(lost());
    const what = nameOf(args[0]);
    return this.#actor.pass(`${this.#label} ${what}`, this.act(args, ENDS.has(what)));
  }

  /** One statement by this connection; `releases`: its locks go with it. */
  act(args: unknown[], releases: boolean) {
    return {
      run: () => (this.#client.query as (...args: unknown[]) => Promise<unknown>)(...args),
      fail: async () => {
        await this.#cut();
        throw lost();
      },
      pid: (this.#client as unknown as { processID: number }).processID,
      releases,
    };
  }

  on(): void {}
  off(): void {}

  release(error?: Error | boolean): void {
    this.#forget();
    if (this.#broken) this.#giveBack();
    else this.#client.release(error);
  }

  #giveBack(): void {
    this.#client.release(this.#endings === 'end sessions');
  }

  /** The server has seen the end of the session, and undone what it had open, when this resolves. */
  async #cut(): Promise<void> {
    if (this.#broken) return;
    this.#broken = true;
    if (this.#endings === 'roll back') await this.#client.query('ROLLBACK');
    else await (this.#client as unknown as pg.Client).end();
  }
}

/** The pool as an actor sees it: every statement, BEGIN and COMMIT is a point. */
export function wireDb(pool: Db, wire: { actor: Actor; label: string; endings: Endings }): Db {
  const { actor, label } = wire;
  const wired = {
    // An actor's sessions are of one database for as long as it lives.
    on() {},
    connect: async () => new Connection(await pool.connect(), wire),
    async query(...args: unknown[]): Promise<unknown> {
      // Without a transaction each statement is one of its own, and takes a connection for itself.
      const connection = new Connection(await pool.connect(), wire);
      try {
        return await actor.pass(`${label} ${nameOf(args[0])}`, connection.act(args, true));
      } finally {
        connection.release();
      }
    },
  };
  return wired as unknown as Db;
}

/** The chain as an actor sees it: every call is a point; a send that fails is an unknown one. */
export function wireChain(port: ChainPort, actor: Actor): ChainPort {
  return new Proxy(port, {
    get(target, name: keyof ChainPort) {
      const call = (...args: unknown[]) =>
        (target[name] as (...args: unknown[]) => Promise<unknown>).apply(target, args);
      return (...args: unknown[]) =>
        actor.pass(`chain ${name}`, {
          run: () => call(...args),
          fail: async () => {
            if (name !== 'send') throw new Transient(`chain ${name}: no answer`);
            const [sends] = args as Parameters<ChainPort['send']>;
            return sends.map(({ hash }) => ({ hash, class: 'unknown', message: 'no answer' }));
          },
        });
    },
  });
}
