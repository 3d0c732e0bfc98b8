import { type Db, inTransaction, type Sql } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';

type SigningFreeze = { code: string; detail: string; remedy: string; at: Date };

/** The freeze that stands, the newest one where there are several; null: signing may go on. */
export async function readSigningFreeze(sql: Sql): Promise<SigningFreeze | null> {
  const { rows } = await sql.query<SigningFreeze>({
    name: 'signing_freeze_read',
    text: `SELECT code, detail, remedy, at FROM signing_freeze f
      WHERE NOT EXISTS (SELECT FROM signing_freeze_lift l WHERE l.freeze_id = f.freeze_id)
      ORDER BY freeze_id DESC LIMIT 1`,
  });
  return rows[0] ?? null;
}

/** Tells every tenant of freezes and lifts that it was not told of; returns how many there were. */
export async function tellSigningFreezes(db: Db): Promise<number> {
  if ((await readUntold(db)).length === 0) return 0;
  return inTransaction(db, async (sql) => {
    const told = await markTold(sql);
    if (told.length === 0) return 0;
    const tenants = await sql.query<{ tenant_id: string }>('SELECT tenant_id FROM tenant');
    for (const { lifted, code, detail, remedy } of told) {
      await writeEvents(
        sql,
        tenants.rows.map(({ tenant_id: tenantId }) => ({
          tenantId,
          type: lifted ? 'signing.resumed' : 'signing.frozen',
          data: lifted ? { code } : { code, detail, remedy },
        })),
      );
    }
    return told.length;
  });
}

type Untold = { freeze_id: string; lifted: boolean; code: string; detail: string; remedy: string };

const UNTOLD = `SELECT f.freeze_id, false AS lifted, f.code, f.detail, f.remedy FROM signing_freeze f
    WHERE NOT EXISTS (SELECT FROM signing_freeze_told t WHERE t.freeze_id = f.freeze_id AND NOT t.lifted)
  UNION ALL
  SELECT f.freeze_id, true, f.code, f.detail, f.remedy
  FROM signing_freeze_lift l JOIN signing_freeze f ON f.freeze_id = l.freeze_id
  WHERE NOT EXISTS (SELECT FROM signing_freeze_told t WHERE t.freeze_id = f.freeze_id AND t.lifted)`;

async function readUntold(sql: Sql): Promise<Untold[]> {
  const { rows } = await sql.query<Untold>({ name: 'signing_freeze_untold', text: UNTOLD });
  return rows;
}

/** The primary key decides who of two tells it. */
async function markTold(sql: Sql): Promise<Untold[]> {
  const { rows } = await sql.query<Untold>({
    name: 'signing_freeze_mark_told',
    text: `WITH untold AS (${UNTOLD}), marked AS (
        INSERT INTO signing_freeze_told (freeze_id, lifted)
        SELECT freeze_id, lifted FROM untold ORDER BY freeze_id, lifted
        ON CONFLICT DO NOTHING RETURNING freeze_id, lifted
      )
      SELECT u.* FROM untold u JOIN marked m ON m.freeze_id = u.freeze_id AND m.lifted = u.lifted
      ORDER BY u.freeze_id, u.lifted`,
  });
  return rows;
}
