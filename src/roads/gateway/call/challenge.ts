import type { Challenge } from './rows.ts';

/** Why a challenge does not cover a request; null: it does. Pure. */
export function judgeChallenge(
  challenge: Challenge | null,
  asked: { requestHash: string },
): string | null {
  if (challenge === null) return 'challenge_unknown';
  if (challenge.requestHash !== asked.requestHash) return 'challenge_of_another_request';
  return challenge.expired ? 'challenge_expired' : null;
}
