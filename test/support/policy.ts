import { inTransaction } from '../../src/base/db/index.ts';
import {
  activatePolicy,
  policyWorld,
  readPolicy,
  storePolicy,
  tellPolicyFault,
} from '../../src/books/policy/index.ts';
import type { Installation } from './installation.ts';

/** Lets a document rule an installation from now on. */
export async function ruleBy(
  on: Pick<Installation, 'owner' | 'settings'>,
  document: string,
): Promise<string> {
  const { policy, faults } = readPolicy(document, policyWorld(on.settings));
  if (policy === null) throw new Error(faults.map(tellPolicyFault).join('\n'));
  return inTransaction(on.owner, async (sql) => {
    const version = await storePolicy(sql, { document, policy });
    await activatePolicy(sql, version);
    return version;
  });
}
