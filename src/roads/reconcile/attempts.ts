import type { Sql } from '../../base/db/index.ts';
import { byteaText, md5Of } from './decode.ts';
import type { Scope } from './since.ts';

const PAGE = 2_000;

/** What the main database holds as signed, page by page, for the journal to answer for. */
export async function* attemptPages(main: Sql, scope: Scope) {
  let above = scope.sinceId;
  for (;;) {
    const { rows } = await main.query<{ id: string; hash: Buffer; raw: Buffer }>(
      `SELECT a.attempt_id AS id, a.tx_hash AS hash, coalesce(g.raw, '') AS raw
       FROM attempt a LEFT JOIN signature g ON g.signature_request_id = a.attempt_id
       WHERE a.attempt_id > $1 ORDER BY a.attempt_id LIMIT $2`,
      [above, PAGE],
    );
    if (rows.length === 0) return;
    above = rows.at(-1)!.id;
    yield rows.map(({ id, hash, raw }) => ({
      request: id,
      hash: byteaText(hash),
      md5: md5Of(raw),
    }));
    if (rows.length < PAGE) return;
  }
}
