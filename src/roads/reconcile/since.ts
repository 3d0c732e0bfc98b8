import type { Sql } from '../../base/db/index.ts';
import { ConfigurationError, isUuid, parseInstant } from '../../base/kernel/index.ts';

/** From where on: a moment, a withdrawal or a block. */
export type Since =
  | { kind: 'time'; at: Date }
  | { kind: 'withdrawal'; id: string }
  | { kind: 'block'; height: number };

/** What laws and walks need of it. Ids are time, so one id bounds every table. */
export type Scope = {
  sinceId: string;
  sinceTime: Date | null;
  /** The block that was named. */
  sinceBlock: number | null;
};

const NIL = '00000000-0000-0000-0000-000000000000';
const WHOLE: Scope = { sinceId: NIL, sinceTime: null, sinceBlock: null };

/** Null when the text is none of the three. */
export function parseSince(text: string): Since | null {
  if (/^\d{1,12}$/.test(text)) return { kind: 'block', height: Number(text) };
  const id = text.toLowerCase();
  if (isUuid(id)) return { kind: 'withdrawal', id };
  const at = parseInstant(text);
  return at === undefined ? null : { kind: 'time', at: new Date(at) };
}

/** Throws ConfigurationError when the books do not have what is named. */
export async function scopeOf(sql: Sql, since: Since | null): Promise<Scope> {
  if (since === null) return WHOLE;
  if (since.kind === 'time') return { ...WHOLE, ...(await idAt(sql, since.at)) };
  if (since.kind === 'withdrawal') {
    const { rowCount } = await sql.query('SELECT 1 FROM withdrawal WHERE withdrawal_id = $1', [
      since.id,
    ]);
    if (rowCount === 0) {
      throw new ConfigurationError(`--since: there is no withdrawal ${since.id}`);
    }
    const milliseconds = Number.parseInt(since.id.replaceAll('-', '').slice(0, 12), 16);
    return { ...WHOLE, sinceId: since.id, sinceTime: new Date(milliseconds) };
  }
  const { rows } = await sql.query<{ mined_at: Date | null }>(
    'SELECT min(mined_at) AS mined_at FROM block WHERE height = $1',
    [since.height],
  );
  const minedAt = rows[0]?.mined_at ?? null;
  if (minedAt === null) {
    throw new ConfigurationError(`--since: no chain's books have a block ${since.height}`);
  }
  return { ...(await idAt(sql, minedAt)), sinceBlock: since.height };
}

async function idAt(sql: Sql, at: Date): Promise<Scope> {
  const { rows } = await sql.query<{ id: string }>('SELECT payonce_uuid_at($1) AS id', [at]);
  return { sinceId: rows[0]!.id, sinceTime: at, sinceBlock: null };
}
