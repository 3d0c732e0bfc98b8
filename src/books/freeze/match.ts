import type { Freeze } from './freezes.ts';

type Covers = Pick<Freeze, 'tenantId' | 'chainId' | 'laneId' | 'asset'>;

/** What may be covered. `laneId` null: no wallet was chosen for it yet, so no wallet's freeze covers it. */
type Covered = { tenantId: string; chainId: number; asset: string; laneId: number | null };

/** The first of the standing freezes that covers it. Pure. */
export function freezeOn<F extends Covers>(standing: readonly F[], of: Covered): F | undefined {
  return standing.find(
    (freeze) =>
      (freeze.tenantId === null || freeze.tenantId === of.tenantId) &&
      (freeze.chainId === null || freeze.chainId === of.chainId) &&
      (freeze.laneId === null || freeze.laneId === of.laneId) &&
      (freeze.asset === null || freeze.asset === of.asset),
  );
}

/** For whoever waits: what and since when. Who and why is for operators. */
export function tellFrozen({ scope, at }: Pick<Freeze, 'scope' | 'at'>): string {
  const what = scope === 'global' ? 'everything' : `the ${scope}`;
  return `${what} is frozen since ${at.toISOString()}`;
}
