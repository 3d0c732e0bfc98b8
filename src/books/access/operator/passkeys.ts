import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { type Refusal, refuse } from '../../../base/kernel/index.ts';
import { type NewPasskey, type Party, registrationOptions, spkiOf } from './ceremony.ts';
import { makeChallenge } from './challenges.ts';
import { judgeLast } from './decide.ts';
import { fingerprintOf, lockEverywhere } from './members.ts';
import { type Actor, tell } from './tell.ts';

export type Passkey = {
  credentialId: string;
  name: string;
  fingerprint: string;
  /** SubjectPublicKeyInfo in base64, as an approver's key is pinned; null: of a kind that is not taken there. */
  publicKey: string | null;
  createdAt: Date;
  lastUsedAt: Date | null;
};

/** As browsers give it. */
export function isCredentialId(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,1400}$/.test(text);
}

export async function listPasskeys(sql: Sql, operatorId: string): Promise<Passkey[]> {
  const { rows } = await sql.query<
    Omit<Passkey, 'fingerprint' | 'publicKey'> & { publicKey: Buffer }
  >(
    `SELECT credential_id AS "credentialId", name, public_key AS "publicKey", created_at AS "createdAt",
       last_used_at AS "lastUsedAt"
     FROM passkey WHERE operator_id = $1 ORDER BY created_at`,
    [operatorId],
  );
  return await Promise.all(
    rows.map(async ({ publicKey, ...row }) => ({
      ...row,
      fingerprint: fingerprintOf(publicKey),
      publicKey: await spkiOf(publicKey),
    })),
  );
}

/** What a browser needs to make a passkey for an operator. */
export async function beginRegistration(
  sql: Sql,
  party: Party,
  operator: { operatorId: string; name: string },
): Promise<object> {
  const known = await listPasskeys(sql, operator.operatorId);
  const challenge = await makeChallenge(sql, operator.operatorId);
  const credentialIds = known.map(({ credentialId }) => credentialId);
  return await registrationOptions(party, { ...operator, credentialIds }, challenge);
}

/** False: the authenticator registered it before, for whomever. */
export async function insertPasskey(
  sql: Sql,
  operatorId: string,
  { credentialId, publicKey, signCount, transports, name }: NewPasskey & { name: string },
): Promise<boolean> {
  const { rowCount } = await sql.query(
    `INSERT INTO passkey (credential_id, operator_id, public_key, sign_count, transports, name)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (credential_id) DO NOTHING`,
    [credentialId, operatorId, Buffer.from(publicKey), signCount, transports, name],
  );
  return rowCount === 1;
}

const NO_PASSKEY = refuse('not_found', 'You have no such passkey.');

/** Ends the sessions that it began. Never the last one of the last security-admin of a tenant. */
export async function removePasskey(
  db: Db,
  { operatorId, credentialId, by }: { operatorId: string; credentialId: string; by: Actor },
): Promise<Refusal | null> {
  if (!isCredentialId(credentialId)) return NO_PASSKEY;
  return await inTransaction(db, async (sql) => {
    const locked = await lockEverywhere(sql, operatorId);
    for (const members of locked.values()) {
      const own = members.find((member) => member.operatorId === operatorId)!;
      const after = { ...own, passkeys: own.passkeys - 1 };
      const refusal = judgeLast(members, operatorId, after);
      if (refusal !== null) return refusal;
    }
    const { rowCount } = await sql.query(
      'DELETE FROM passkey WHERE credential_id = $1 AND operator_id = $2',
      [credentialId, operatorId],
    );
    if (rowCount === 0) return NO_PASSKEY;
    const tenantIds = [...locked.keys()];
    await tell(sql, 'operator.passkey_removed', {
      operatorId,
      tenantIds,
      by,
      data: { credentialId },
    });
    return null;
  });
}
