import type { Db } from '../../../src/base/db/index.ts';
import { isRefusal } from '../../../src/base/kernel/index.ts';
import { createKey } from '../../../src/books/access/index.ts';

/** The ids of two persons, who may decide about breaks. */
export async function makePersons(db: Db, tenantId: string): Promise<string[]> {
  const ids: string[] = [];
  for (const name of ['one', 'two']) {
    const key = await createKey(db, { tenantId, name, scopes: ['admin'] });
    if (isRefusal(key)) throw new Error(key.detail);
    ids.push(key.keyId);
  }
  return ids;
}
