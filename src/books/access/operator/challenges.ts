import { randomBytes } from 'node:crypto';
import type { Sql } from '../../../base/db/index.ts';

const LIFE_SECONDS = 300;
/** Longer than a digest: what a login or a registration signs is never what an approval signs. */
const BYTES = 48;
const CHALLENGE = /^[A-Za-z0-9_-]{64}$/;

/** Something to sign, for a login (null) or for the registration of an operator's passkey. */
export async function makeChallenge(sql: Sql, operatorId: string | null): Promise<string> {
  const challenge = randomBytes(BYTES).toString('base64url');
  await sql.query(
    `WITH old AS (DELETE FROM passkey_challenge WHERE expires_at < clock_timestamp())
     INSERT INTO passkey_challenge (challenge, operator_id, expires_at)
     VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))`,
    [challenge, operatorId, LIFE_SECONDS],
  );
  return challenge;
}

/** Whether it was made for this, and is neither used nor old. It is used from here on, whatever the answer is worth. */
export async function takeChallenge(
  sql: Sql,
  challenge: string,
  operatorId: string | null,
): Promise<boolean> {
  if (!CHALLENGE.test(challenge)) return false;
  const { rowCount } = await sql.query(
    `DELETE FROM passkey_challenge
     WHERE challenge = $1 AND operator_id IS NOT DISTINCT FROM $2::uuid AND expires_at > clock_timestamp()`,
    [challenge, operatorId],
  );
  return rowCount === 1;
}
