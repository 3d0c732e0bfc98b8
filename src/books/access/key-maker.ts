import type { RateLimit } from '../../base/config/index.ts';
import type { Sql } from '../../base/db/index.ts';
import { type Refusal, refuse } from '../../base/kernel/index.ts';
import {
  asksForAnother,
  beyond,
  type KeyOrder,
  ofAPerson,
  type Rights,
  type RightsRow,
  rightsOf,
} from './key-order.ts';
import { beyondOperator, type Role, scopesOf } from './operator/roles.ts';
import type { Grant, Scope } from './scopes.ts';

/** Who makes or rotates a key: another key, with the limit of those that have none of their own, or an operator. */
export type Maker = { keyId: string; rateLimit: RateLimit | null } | { operatorId: string };

type Known = { personId: string } & (
  | { kind: 'key'; keyId: string; rights: Rights; rateLimit: RateLimit | null }
  | { kind: 'operator'; scopes: readonly Scope[] }
);

/** Read anew: what a process remembers may be a second old. Held until the other key is written. */
export async function readMaker(sql: Sql, by: Maker, tenantId: string): Promise<Known | Refusal> {
  return 'keyId' in by
    ? await readKeyMaker(sql, by, tenantId)
    : await readOperator(sql, by, tenantId);
}

async function readKeyMaker(
  sql: Sql,
  { keyId, rateLimit }: Extract<Maker, { keyId: string }>,
  tenantId: string,
): Promise<Known | Refusal> {
  const { rows } = await sql.query<RightsRow & { personId: string }>(
    `SELECT scopes, allowed_networks AS "allowedNetworks", public_key AS "publicKey",
       require_signature AS "requireSignature", requests_per_second AS "requestsPerSecond", burst,
       expires_at AS "expiresAt", person_id AS "personId"
     FROM api_key WHERE key_id = $1 AND tenant_id = $2 AND revoked_at IS NULL
       AND (expires_at IS NULL OR expires_at > clock_timestamp()) FOR SHARE`,
    [keyId, tenantId],
  );
  const row = rows[0];
  if (row === undefined) return refuse('unauthenticated', 'The key has ended.');
  return { kind: 'key', keyId, personId: row.personId, rights: rightsOf(row), rateLimit };
}

async function readOperator(
  sql: Sql,
  { operatorId }: { operatorId: string },
  tenantId: string,
): Promise<Known | Refusal> {
  const { rows } = await sql.query<{ roles: Role[] }>(
    `SELECT roles FROM operator_membership WHERE operator_id = $1 AND tenant_id = $2
       AND activated_at IS NOT NULL AND suspended_at IS NULL FOR SHARE`,
    [operatorId, tenantId],
  );
  const row = rows[0];
  if (row === undefined) return refuse('unauthenticated', 'The session has ended.');
  return { kind: 'operator', personId: operatorId, scopes: scopesOf(row.roles) };
}

/** What an order does not name is as with the key that makes it. */
export function inherited(maker: Known, ordered: Rights, order: KeyOrder): Rights {
  if (maker.kind === 'operator') return ordered;
  const { rights } = maker;
  return {
    ...ordered,
    allowedNetworks:
      order.allowedNetworks === undefined ? rights.allowedNetworks : ordered.allowedNetworks,
    rateLimit: ordered.rateLimit ?? rights.rateLimit,
    expiresAt: ordered.expiresAt ?? rights.expiresAt,
  };
}

export function judgeCreated(maker: Known, wanted: Rights): Refusal | null {
  if (maker.kind === 'operator') return tooWideForOperator(maker.scopes, wanted.scopes);
  return ofAPerson(wanted.scopes) ?? tooWide(maker, wanted);
}

/** Whoever rotates a key has its secret: one that speaks for somebody else is theirs alone to rotate. */
export function judgeRotated(
  maker: Known,
  key: Rights & { keyId: string; personId: string },
): Refusal | null {
  const own = key.personId === maker.personId;
  const asking = own ? null : asksForAnother(key.scopes);
  if (maker.kind === 'operator') {
    const others = own ? null : ofAPerson(key.scopes);
    return others ?? asking ?? tooWideForOperator(maker.scopes, key.scopes);
  }
  const speaking = maker.keyId === key.keyId ? null : ofAPerson(key.scopes);
  return speaking ?? asking ?? tooWide(maker, key);
}

function tooWide(maker: Extract<Known, { kind: 'key' }>, wanted: Rights): Refusal | null {
  const limit = (rights: Rights) => ({ ...rights, rateLimit: rights.rateLimit ?? maker.rateLimit });
  const faults = beyond(limit(maker.rights), limit(wanted));
  if (faults.length === 0) return null;
  const { pointer, got, expected } = faults[0]!;
  return refuse('grant_too_wide', `At ${pointer}: ${got}; expected ${expected}.`, { faults });
}

function tooWideForOperator(own: readonly Scope[], wanted: readonly Grant[]): Refusal | null {
  const grant = beyondOperator(own, wanted);
  if (grant === undefined) return null;
  const pointer = `/scopes/${wanted.indexOf(grant)}`;
  const expected = `what your roles may do themselves: ${own.join(', ')}`;
  const fault = { pointer, code: 'grant_too_wide' as const, got: grant, expected };
  const detail = `At ${pointer}: ${grant}; expected ${expected}.`;
  return refuse('grant_too_wide', detail, { faults: [fault] });
}
