import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import { fromHex, type Hex } from '../../../base/kernel/index.ts';
import type { Call } from './rows.ts';

/** What was asked for an unpaid request, bound to it. */
type Challenge = { id: string; endpointId: string; requestHash: Hex; expired: boolean };

/** Why a challenge does not cover a request; null: it does. Pure. */
export function judgeChallenge(
  challenge: Challenge | null,
  asked: { requestHash: string },
): string | null {
  if (challenge === null) return 'challenge_unknown';
  if (challenge.requestHash !== asked.requestHash) return 'challenge_of_another_request';
  return challenge.expired ? 'challenge_expired' : null;
}

/**
 * Whether a call that a payment names is that of who was told another challenge than what came with the same authorization:
 * that was copied from the chain. Who signs anew has another authorization. Pure.
 */
export function isCopied(
  call: Pick<Call, 'id' | 'authorizationId'>,
  asked: { authorizationId: Hex; challengeId: string },
): boolean {
  return call.authorizationId === asked.authorizationId && call.id !== asked.challengeId;
}

export async function insertChallenge(
  sql: Sql,
  of: { endpointId: string; requestHash: Hex; lifeMs: number },
): Promise<string> {
  const { rows } = await sql.query<{ id: string }>({
    name: 'challenge_insert',
    text: `INSERT INTO challenge (endpoint_id, request_hash, expires_at)
      VALUES ($1, $2, now() + $3 * interval '1 millisecond') RETURNING challenge_id AS id`,
    values: [of.endpointId, fromHex(of.requestHash), of.lifeMs],
  });
  return rows[0]!.id;
}

export async function readChallenge(sql: Sql, id: string): Promise<Challenge | null> {
  const { rows } = await sql.query<Challenge>({
    name: 'challenge_read',
    types: HEX_BYTES,
    text: `SELECT challenge_id AS id, endpoint_id AS "endpointId", request_hash AS "requestHash",
        expires_at < now() AS expired FROM challenge WHERE challenge_id = $1`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** Challenges that nobody paid and nobody can any more. Returns how many there were. */
export async function dropChallenges(sql: Sql): Promise<number> {
  const { rowCount } = await sql.query(
    `DELETE FROM challenge WHERE challenge_id IN (
       SELECT challenge_id FROM challenge WHERE expires_at < now() - interval '1 hour' LIMIT 10000)`,
  );
  return rowCount ?? 0;
}
