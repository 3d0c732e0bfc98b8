import type { Sql } from '../../../base/db/index.ts';
import { ConfigurationError } from '../../../base/kernel/index.ts';
import { policyOfCanonical } from '../document/canonical.ts';
import type { Policy } from '../document/types.ts';

/** `rule: chain` for each chain that a rule names and the configuration does not have by this id: there it matches nothing. */
export function strangeChains({ rules }: Policy, chains: readonly string[]): string[] {
  return rules.flatMap(({ id, match }) =>
    (match.chains ?? []).flatMap((chain) => (chains.includes(chain) ? [] : `${id}: ${chain}`)),
  );
}

/**
 * Whether the document that rules, and those that will at their time, find their chains in a configuration. Throws
 * ConfigurationError: a chain that has another id by now would be paid on past the rules that name it, and two persons have
 * said that it is not.
 */
export async function checkRuledChains(sql: Sql, chains: readonly string[]): Promise<void> {
  const { rows } = await sql.query<{ version: string; canonical: string }>({
    name: 'policy_version_ruling',
    text: `SELECT version, canonical FROM policy_version
      WHERE version IN (SELECT version FROM policy_effective)
        OR version IN (SELECT version FROM policy_change WHERE status = 'SCHEDULED')
      ORDER BY version`,
  });
  const strangers = rows.flatMap(({ version, canonical }) =>
    strangeChains(policyOfCanonical(canonical), chains).map((one) => `${version}: rule ${one}`),
  );
  if (strangers.length === 0) return;
  throw new ConfigurationError(
    strangers
      .map(
        (one) =>
          `chains: none has an id that the policy rules by (${one}); keep the id until another document rules`,
      )
      .join('\n'),
  );
}
