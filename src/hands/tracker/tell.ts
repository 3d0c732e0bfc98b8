import type { Sql } from '../../base/db/index.ts';
import { writeEvents } from '../../base/event/index.ts';
import { readLanes } from '../../books/tx/index.ts';

/** Every tenant with a lane on the chain is told; what is said concerns them all. */
export async function tellChain(
  sql: Sql,
  chainId: number,
  type: string,
  data: Record<string, unknown>,
): Promise<void> {
  const lanes = await readLanes(sql, chainId);
  const tenants = [...new Set(lanes.map((lane) => lane.tenantId))];
  await writeEvents(
    sql,
    tenants.map((tenantId) => ({ tenantId, type, data: { chainId, ...data } })),
  );
}
