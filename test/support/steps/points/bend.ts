import type { Db } from '../../../../src/base/db/index.ts';

type Statement = { name?: string; text: string };
type Query = (...args: unknown[]) => Promise<unknown>;

function statementOf(args: readonly unknown[]): Statement {
  const [first] = args;
  return typeof first === 'string' ? { text: first } : (first as Statement);
}

/**
 * A database that is told something else than what a step says, for tests that prove that a tool finds what is
 * wrong: statements of this name, or this text, go through `rewrite`.
 */
export function bend(db: Db, name: string, rewrite: (text: string) => string): Db {
  return between(db, (args, query) => {
    const statement = statementOf(args);
    if (statement.name !== name && statement.text !== name) return query(...args);
    const [first, ...rest] = args;
    const text = rewrite(statement.text);
    // A session keeps statements by their names.
    const named = statement.name === undefined ? {} : { name: `${statement.name} bent` };
    const bent = typeof first === 'string' ? text : { ...(first as object), ...named, text };
    return query(bent, ...rest);
  });
}

/** A database that ends the transaction behind each statement whose name begins so, and goes on in another one. */
export function split(db: Db, behind: string): Db {
  return between(db, async (args, query) => {
    const answer = await query(...args);
    if (statementOf(args).name?.startsWith(behind)) {
      await query('COMMIT');
      await query('BEGIN');
    }
    return answer;
  });
}

/** Statements on connections of this pool go by `tell`. */
function between(db: Db, tell: (args: unknown[], query: Query) => Promise<unknown>): Db {
  const client = (target: object): object =>
    new Proxy(target, {
      get: (_, key) => {
        const value = Reflect.get(target, key) as unknown;
        if (typeof value !== 'function') return value;
        const call: Query = (...args) => value.apply(target, args) as Promise<unknown>;
        return key === 'query' ? (...args: unknown[]) => tell(args, call) : call;
      },
    });
  return new Proxy(db, {
    get: (target, key) => {
      const value = Reflect.get(target, key) as unknown;
      if (typeof value !== 'function') return value;
      if (key === 'connect') return async () => client(await target.connect());
      const call: Query = (...args) => value.apply(target, args) as Promise<unknown>;
      return key === 'query' ? (...args: unknown[]) => tell(args, call) : call;
    },
  });
}
