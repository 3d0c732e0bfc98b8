import type { Db } from '../../../base/db/index.ts';
import { isRefusal, type Refusal } from '../../../base/kernel/index.ts';
import { keyConflict, readKeys } from '../../../books/access/index.ts';
import {
  keyOfRefused,
  type RequestRules,
  type WithdrawalOrder,
  type WithdrawalRequest,
} from './request.ts';

export type KnownAnswer = { kind: 'replay'; id: string } | { kind: 'refused'; refusal: Refusal };

/**
 * What is refused now may have been taken before, by an earlier clock (an expiry that is near by now) or another
 * configuration: whoever repeats it is told of what its key has, and never that nothing happened.
 */
export async function findKnown(
  { db, rules }: { db: Db; rules: RequestRules },
  tenantId: string,
  requests: readonly WithdrawalRequest[],
  parsed: readonly (WithdrawalOrder | Refusal)[],
): Promise<Map<Refusal, KnownAnswer>> {
  const refused = parsed.flatMap((refusal, index) => {
    if (!isRefusal(refusal)) return [];
    const request = requests[index]!;
    const key = keyOfRefused(rules, { ...request, tenantId });
    return key === null ? [] : [{ refusal, request, key }];
  });
  const keys = await readKeys(
    db,
    refused.map(({ key }) => key.keyHash),
  );
  return new Map(
    refused.flatMap(({ refusal, request, key }): [Refusal, KnownAnswer][] => {
      const known = keys.get(key.keyHash);
      if (known === undefined) return [];
      return known.contentHash === key.contentHash
        ? [[refusal, { kind: 'replay', id: known.resourceId }]]
        : [[refusal, { kind: 'refused', refusal: keyConflict(request.idempotencyKey) }]];
    }),
  );
}
