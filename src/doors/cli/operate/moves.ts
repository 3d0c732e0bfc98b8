import { Assets, type Settings } from '../../../base/config/index.ts';
import type { Db } from '../../../base/db/index.ts';

/** What moves between own wallets are ordered with. */
export async function movesContext(db: Db, settings: Settings) {
  const { rows } = await db.query<{ id: string }>('SELECT installation_id AS id FROM installation');
  const { lanes, treasury } = settings;
  return { db, lanes, treasury, assets: new Assets(settings.assets), installationId: rows[0]!.id };
}
