import type { Sql } from '../../../src/base/db/index.ts';

const TRUNCATE_EVERY = 30;

/**
 * Puts a database back to the state in which it was kept, in a few milliseconds where a copy of the template
 * takes forty: for tests that begin anew hundreds of times. Knows nothing of the tables but what the
 * catalogue says.
 */
export class Fresh {
  readonly #owner: Sql;
  #resets = 0;

  private constructor(owner: Sql) {
    this.#owner = owner;
  }

  /** Keeps the database as it is now. The connection is the superuser's. */
  static async keep(owner: Sql): Promise<Fresh> {
    const { rows } = await owner.query<{ name: string }>(
      `SELECT quote_ident(relname) AS name FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY oid`,
    );
    await owner.query('DROP SCHEMA IF EXISTS kept CASCADE');
    await owner.query('CREATE SCHEMA kept');
    const back: string[] = [];
    for (const { name } of rows) {
      const { rows: some } = await owner.query(`SELECT FROM public.${name} LIMIT 1`);
      if (some.length === 0) continue;
      await owner.query(`CREATE TABLE kept.${name} AS TABLE public.${name}`);
      back.push(`INSERT INTO public.${name} OVERRIDING SYSTEM VALUE SELECT * FROM kept.${name};`);
    }
    // As a replica: triggers and foreign keys judge what a program does, not this.
    const make = (name: string, empty: string) =>
      owner.query(`CREATE FUNCTION kept.${name}() RETURNS void LANGUAGE plpgsql
        SET session_replication_role = replica AS $$
        DECLARE used regclass; BEGIN ${empty} ${back.join(' ')} END $$`);
    await make(
      'put_back',
      `FOR used IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
         AND relkind = 'r' AND pg_relation_size(oid) > 0
       LOOP EXECUTE 'DELETE FROM ' || used; END LOOP;`,
    );
    const names = rows.map(({ name }) => `public.${name}`);
    await make('put_back_small', `TRUNCATE ${names.join(', ')};`);
    return new Fresh(owner);
  }

  async reset(): Promise<void> {
    this.#resets += 1;
    // What was deleted is still read past; emptied files are not.
    const how = this.#resets % TRUNCATE_EVERY === 0 ? 'put_back_small' : 'put_back';
    await this.#owner.query(`SELECT kept.${how}()`);
  }
}
