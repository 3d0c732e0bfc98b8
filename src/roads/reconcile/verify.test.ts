import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabases, testDatabases } from '../../../test/support/postgres.ts';
import { Road } from '../../../test/support/steps/road.ts';
import { verifyOf } from '../../../test/support/verify.ts';

let databases: TestDatabases;
let road: Road;
beforeAll(async () => {
  databases = await testDatabases();
  road = await Road.open(databases);
});
afterAll(async () => {
  await road?.close();
  await databases?.drop();
});

it('a chain with lanes of which the books have no head any more was not compared, and that is told', async () => {
  await road.owner.query('DELETE FROM chain_head');
  const { mainUrl, signerUrl } = databases;
  const { result, laws, chains } = await verifyOf({ mainUrl, signerUrl, nodes: [] });
  const ofChain = laws.filter(({ law }) => law.startsWith('chain/'));
  expect(new Set(ofChain.map(({ status }) => status))).toEqual(new Set(['skipped']));
  expect(ofChain[0]!.reason).toBe('chain 31337: the books have lanes on it, and no head of it');
  expect(chains).toMatchObject([{ chainId: 31337, walkedFrom: null }]);
  expect(result).not.toBe('clean');
});
