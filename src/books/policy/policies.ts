import type { Sql } from '../../base/db/index.ts';
import { canonicalPolicy, policyOfCanonical, policyVersion } from './document/canonical.ts';
import type { Policy } from './document/types.ts';
import { type CompiledPolicy, compilePolicy } from './evaluate/compile.ts';
import type { Limit } from './evaluate/limit.ts';

/** A policy as it rules: compiled, with the stored numbers of its limits. */
export type RulingPolicy = CompiledPolicy & { limitNo(limit: Limit): number };

/**
 * Stores a version with its limits, as rows so that what is taken can be held against them for ever; one that is there
 * already is left as it is. Returns its name.
 */
export async function storePolicy(
  sql: Sql,
  { document, policy }: { document: string; policy: Policy },
): Promise<string> {
  const version = policyVersion(policy);
  await sql.query({
    name: 'policy_version_insert',
    text: `INSERT INTO policy_version (version, document, canonical) VALUES ($1, $2, $3)
      ON CONFLICT (version) DO NOTHING`,
    values: [version, document, canonicalPolicy(policy)],
  });
  await insertLimits(sql, compilePolicy(version, policy));
  return version;
}

/**
 * Lets a stored version rule from the end of this transaction on; null: the configuration's tiers again. Waits for
 * the decisions under way, which share the row, so that none of an older version commits later.
 */
export async function activatePolicy(sql: Sql, version: string | null): Promise<void> {
  await sql.query({
    name: 'policy_activate',
    text: 'UPDATE policy_effective SET version = $1, since = now()',
    values: [version],
  });
}

/** The version of the document that rules; null: none ever did. */
export async function readRuling(sql: Sql): Promise<string | null> {
  const { rows } = await sql.query<{ version: string | null }>({
    name: 'policy_effective_get',
    text: 'SELECT version FROM policy_effective',
  });
  return rows[0]!.version;
}

/** A stored version by its name; null: there is none. */
async function readPolicyVersion(sql: Sql, version: string): Promise<CompiledPolicy | null> {
  const { rows } = await sql.query<{ canonical: string }>({
    name: 'policy_version_get',
    text: 'SELECT canonical FROM policy_version WHERE version = $1',
    values: [version],
  });
  return rows[0] === undefined
    ? null
    : compilePolicy(version, policyOfCanonical(rows[0].canonical));
}

/** The policy that rules, remembered by this process for as long as its version does. */
export class Policies {
  #ruling: RulingPolicy | null = null;
  #seen: CompiledPolicy | null = null;

  /** The policy that rules until this transaction ends; null: the configuration's tiers. */
  async forDecisions(sql: Sql): Promise<RulingPolicy | null> {
    const { rows } = await sql.query<{ version: string | null }>({
      name: 'policy_effective_share',
      text: 'SELECT version FROM policy_effective FOR SHARE',
    });
    return this.#load(sql, rows[0]!.version);
  }

  /** The same for answers that promise nothing: without the lock. */
  async present(sql: Sql): Promise<CompiledPolicy | null> {
    const version = await readRuling(sql);
    if (version === null) return null;
    if (version === this.#ruling?.version) return this.#ruling;
    if (version !== this.#seen?.version) this.#seen = await readPolicyVersion(sql, version);
    return this.#seen;
  }

  async #load(sql: Sql, version: string | null): Promise<RulingPolicy | null> {
    if (version === null) return null;
    if (this.#ruling?.version === version) return this.#ruling;
    const policy = (await readPolicyVersion(sql, version))!;
    let named = await readLimits(sql, version);
    const isWhole = policy.limits.every((limit) => named.has(nameOf(limit)));
    if (!isWhole) {
      await insertLimits(sql, policy);
      named = await readLimits(sql, version);
    }
    const numbers = new Map(policy.limits.map((limit) => [limit, named.get(nameOf(limit))!]));
    const ruling = { ...policy, limitNo: (limit: Limit) => numbers.get(limit)! };
    // Rows that this transaction made are gone if it is undone, and so are their numbers.
    if (isWhole) this.#ruling = ruling;
    return ruling;
  }
}

const nameOf = ({ ruleId, asset }: Pick<Limit, 'ruleId' | 'asset'>) => `${ruleId}|${asset ?? ''}`;

/** Those that are there are left; a version of before has none until somebody decides by it. */
async function insertLimits(sql: Sql, { limits, version }: CompiledPolicy): Promise<void> {
  await sql.query({
    name: 'policy_limit_insert',
    text: `INSERT INTO policy_limit (policy_version, rule_id, asset, meter, dimension, bucket_ms, window_ms, amount, count)
      SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
        $8::numeric[], $9::bigint[]) ORDER BY 1, 2
      ON CONFLICT DO NOTHING`,
    values: [
      version,
      limits.map(({ ruleId }) => ruleId),
      limits.map(({ asset }) => asset ?? ''),
      limits.map(({ meter }) => meter.key),
      limits.map(({ meter }) => meter.per),
      limits.map(({ meter }) => meter.bucketMs),
      limits.map(({ meter }) => meter.windowMs),
      limits.map(({ amount }) => amount),
      limits.map(({ count }) => count),
    ],
  });
}

/** Their numbers by name. */
async function readLimits(sql: Sql, version: string): Promise<Map<string, number>> {
  const { rows } = await sql.query<{ limit_no: number; ruleId: string; asset: string }>({
    name: 'policy_limit_get',
    text: `SELECT limit_no, rule_id AS "ruleId", asset FROM policy_limit WHERE policy_version = $1`,
    values: [version],
  });
  return new Map(rows.map((row) => [nameOf(row), row.limit_no]));
}
