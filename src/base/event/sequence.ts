import { type Db, inTransaction } from '../db/index.ts';

/** Batches of events numbered at a time; a round that numbers fewer has left none behind. */
export const SEQUENCE_ROUND = 5_000;

/**
 * Gives committed events their positions. Serial numbers and ids commit out of order, so neither may
 * be a cursor; a position is given after the commit, hence a reader never skips.
 *
 * The row of event_sequencer is the lease (SKIP LOCKED: another process is at it). Its watermark is
 * the oldest transaction that was open at the last round, so whatever was not numbered then has an xid
 * at or above it; what was numbered already with such an xid stands above `floor`. Within a round events
 * are numbered by seq, which is drawn under the row locks of their subjects: the events of one withdrawal
 * stand in the order of its states. A crash leaves the round undone. Returns how many batches were numbered.
 */
export async function sequenceEvents(db: Db, limit = SEQUENCE_ROUND): Promise<number> {
  if (!(await mayHaveFresh(db))) return 0;
  return inTransaction(db, async (sql) => {
    // What is fresh is a few rows at the index's end; without statistics a scan of everything looks cheaper.
    const lease = await sql.query<{ watermark: string; floor: bigint; position: bigint }>(
      `SELECT watermark::text, floor, position, set_config('enable_seqscan', 'off', true)
       FROM event_sequencer FOR UPDATE SKIP LOCKED`,
    );
    const last = lease.rows[0];
    if (last === undefined) return 0;
    const { rows } = await sql.query<{
      numbered: number;
      events: number;
      behind: boolean;
      oldest_open: string;
    }>({
      name: 'event_sequence',
      text: `
        WITH taken AS (
          SELECT batch_id FROM event_order WHERE position > $2 AND xid >= $1::xid8
        ), fresh AS (
          SELECT batch_id, tenant_id, size, xid, seq FROM event_batch e
          WHERE xid >= $1::xid8 AND NOT EXISTS (SELECT 1 FROM taken t WHERE t.batch_id = e.batch_id)
          ORDER BY seq LIMIT $4
        ), numbered AS (
          INSERT INTO event_order (position, batch_id, tenant_id, size, xid)
          SELECT $3::bigint + sum(size) OVER (ORDER BY seq), batch_id, tenant_id, size, xid FROM fresh
          RETURNING size
        )
        SELECT (SELECT count(*)::int FROM numbered) AS numbered, (SELECT coalesce(sum(size), 0)::int FROM numbered) AS events,
          EXISTS (SELECT FROM event_order WHERE position > $2 AND xid >= $1::xid8) AS behind,
          pg_snapshot_xmin(pg_current_snapshot())::text AS oldest_open`,
      values: [last.watermark, last.floor, last.position, limit],
    });
    const { numbered, events, behind, oldest_open } = rows[0]!;
    // Nothing stands above the watermark: a higher one would spare the next round nothing.
    if (numbered === 0 && !behind) return 0;
    // A full round left some behind: the watermark waits for the round that takes the rest.
    const watermark = numbered < limit ? oldest_open : last.watermark;
    if (numbered === 0 && watermark === last.watermark) return 0;
    await sql.query({
      name: 'event_sequencer_update',
      text: `UPDATE event_sequencer SET watermark = $1::xid8, position = $2, floor = coalesce(
        (SELECT min(position - size) FROM event_order WHERE position > $3 AND xid >= $1::xid8), $2)`,
      values: [watermark, last.position + BigInt(events), last.floor],
    });
    if (numbered > 0) await sql.query("SELECT pg_notify('payonce_event', '')");
    return numbered;
  });
}

/**
 * Whether there is anything at or above the watermark, numbered or not: on a system at rest one statement instead
 * of a transaction. The newest by its index, since EXISTS is planned as a scan that finds none.
 */
async function mayHaveFresh(db: Db): Promise<boolean> {
  const { rows } = await db.query<{ fresh: boolean | null }>({
    name: 'event_fresh',
    text: `SELECT (SELECT xid FROM event_batch ORDER BY xid DESC LIMIT 1) >= watermark AS fresh
      FROM event_sequencer`,
  });
  return rows[0]?.fresh === true;
}
