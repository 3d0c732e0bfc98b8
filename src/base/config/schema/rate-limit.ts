import { type Static, Type } from 'typebox';
import type { RateLimit } from '../settings.ts';
import type { Loose } from '../shape.ts';
import { closed, integer } from './parts.ts';

export const RateLimitSection = Type.Object(
  {
    requestsPerSecond: integer(1, 1_000_000, ' requests a second'),
    burst: Type.Optional(integer(1, 1_000_000, ' requests')),
  },
  closed,
);

export const ChallengeRates = Type.Object(
  { address: Type.Optional(RateLimitSection), merchant: Type.Optional(RateLimitSection) },
  closed,
);

/** Null: nothing is limited. */
export function rateLimitOf(
  section: Loose<Static<typeof RateLimitSection>> | undefined,
): RateLimit | null {
  const { requestsPerSecond, burst = requestsPerSecond } = section ?? {};
  if (requestsPerSecond === undefined || burst === undefined) return null;
  return { requestsPerSecond, burst };
}
