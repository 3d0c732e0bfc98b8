import type { Db } from '../../../base/db/index.ts';
import { headGet } from './journal-head.ts';
import type { Witness } from './witness.ts';

/**
 * A machine's own witness begins where the journal stands when it is first asked; from then on it has seen that. Only where the
 * configuration says that each machine has its own: one that was lost with others in service would begin anew, too.
 */
export async function beginWitness(journal: Db, witness: Witness): Promise<void> {
  const { head } = await headGet(journal);
  if (head.height === 0n || (await witness.read()) !== null) return;
  await witness.write(head);
}
