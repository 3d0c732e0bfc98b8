import type { Sql } from '../../../src/base/db/index.ts';
import type { Clock } from '../../../src/base/kernel/index.ts';

/** What waits for a time, runs out or is judged by its age. */
const TABLES = [
  'job',
  'lane',
  'chain_head',
  'signature_request',
  'attempt',
  'nonce_slot',
  'lane_progress',
  'tx',
  'withdrawal',
  'treasury_move',
  'payment',
  'gateway_call',
] as const;

/**
 * A clock that only the test moves. The database's own clock can not be moved: instead, what is written there
 * happened earlier. Leases run out, jobs fall due and withdrawals expire as if the time had passed.
 */
export class TestClock implements Clock {
  readonly #owner: Sql;
  #elapsedMs = 0;
  #shift: string | null = null;

  constructor(owner: Sql) {
    this.#owner = owner;
  }

  /** The database's: what is in it was moved back already. */
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now() + this.#elapsedMs;
  }

  async sleep(): Promise<void> {}

  async elapse(ms: number): Promise<void> {
    this.#elapsedMs += ms;
    this.#shift ??= await this.#prepare();
    await this.#owner.query({ name: 'elapse', text: this.#shift, values: [ms] });
  }

  /** One function for all tables, made once: times are not for anybody to write. */
  async #prepare(): Promise<string> {
    const { rows } = await this.#owner.query<{ name: string; columns: string }>(
      `SELECT table_name AS name,
         string_agg(format('%1$I = %1$I - gone', column_name), ', ') AS columns
       FROM information_schema.columns
       WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'
         AND table_name = ANY($1::text[]) GROUP BY table_name ORDER BY table_name`,
      [TABLES],
    );
    const updates = rows.map(({ name, columns }) => `UPDATE public.${name} SET ${columns};`);
    await this.#owner.query('CREATE SCHEMA test_clock');
    await this.#owner.query(`CREATE FUNCTION test_clock.elapse(gone interval) RETURNS void LANGUAGE plpgsql
      SET session_replication_role = replica AS $$ BEGIN ${updates.join(' ')} END $$`);
    return `SELECT test_clock.elapse($1 * interval '1 millisecond')`;
  }
}
