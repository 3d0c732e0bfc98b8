import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { parseSince, scopeOf } from '../since.ts';
import { lowestBlock } from './compare.ts';

let at: MainDatabase;
beforeAll(async () => {
  at = await MainDatabase.start();
  // A chain of every second and a slow one of low numbers, over the same hundred seconds.
  await at.rows(
    `INSERT INTO block (chain_id, height, hash, parent_hash, mined_at)
     SELECT 1, 1000 + n, sha256('a'), sha256('a'), '2026-01-01'::timestamptz + n * interval '1 second' FROM generate_series(0, 100) n
     UNION ALL
     SELECT 2, 10 + n, sha256('b'), sha256('b'), '2026-01-01'::timestamptz + n * interval '10 seconds' FROM generate_series(0, 10) n`,
  );
});
afterAll(() => at?.stop());

const walkedFrom = async (since: string) => {
  const scope = await scopeOf(at.app, parseSince(since));
  const from = (chainId: number, first: number, finalized: number) =>
    lowestBlock(at.app, { chainId, walked: true, first, finalized, lanes: [], tokens: [] }, scope);
  return [await from(1, 1000, 1100), await from(2, 10, 20)];
};

describe('what is walked since a block', () => {
  it('begins at that block, and on a chain without a block of that number at its time', async () => {
    expect(await walkedFrom('1055')).toEqual([1055, 15]);
    expect(await walkedFrom('15')).toEqual([1049, 15]);
    expect(await walkedFrom('1000')).toEqual([1000, 10]);
  });
});
