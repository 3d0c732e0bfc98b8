import { afterAll, beforeAll, expect, it } from 'vitest';
import { Assets } from '../../src/base/config/index.ts';
import { isRefusal } from '../../src/base/kernel/index.ts';
import { createKey } from '../../src/books/access/index.ts';
import { Ledger } from '../../src/books/ledger/index.ts';
import { MoveResolver } from '../../src/hands/treasury/index.ts';
import { BreakService } from '../../src/roads/reconcile/index.ts';
import { booksBreaks } from '../sim/books-laws.ts';
import { type TestDatabases, testDatabases } from '../support/postgres.ts';
import { finish, workOn } from '../support/steps/finish.ts';
import { brokenLaws } from '../support/steps/laws.ts';
import { paymentsOn } from '../support/steps/payments.ts';
import { Road } from '../support/steps/road.ts';

let databases: TestDatabases;
let road: Road;
let persons: string[];
beforeAll(async () => {
  databases = await testDatabases();
  road = await Road.open(databases, { treasury: true });
  const order = { tenantId: road.tenantId, name: 'a person', scopes: ['admin'] };
  const made = [await createKey(road.wires.app, order), await createKey(road.wires.app, order)];
  persons = made.map((key) => (isRefusal(key) ? '' : key.keyId));
});
afterAll(async () => {
  await road?.close();
  await databases?.drop();
});

it('a sweep of a token that moves nothing waits for two persons, who release it', async () => {
  const treasury = road.settings.lanes[1]!.address;
  const on = await road.start();
  expect(await on.sweepLanes([1])).toBe(2);
  await workOn(road, on, 8);
  // Answers false from here on, and moves nothing.
  road.chain.world.denied.add(treasury);
  road.chain.mine(9);
  while (await on.observe());
  await workOn(road, on, 8);
  road.chain.world.denied.delete(treasury);
  const rows = async <Row extends object>(text: string) => (await road.owner.query<Row>(text)).rows;
  const [found, ...others] = await rows<{ id: string; kind: string }>(
    'SELECT break_id AS id, owner_kind AS kind FROM reconciliation_break',
  );
  expect([found!.kind, others]).toEqual(['sweep', []]);

  const { app } = road.wires;
  const ledger = new Ledger(app);
  const owners = { sweep: new MoveResolver({ db: app, ledger }) };
  const assets = new Assets(road.settings.assets);
  const breaks = new BreakService({ db: app, ledger, assets, chains: [], owners });
  const say = (person: number, action: string) =>
    breaks.resolve(road.tenantId, found!.id, {
      by: { personId: persons[person]!, tenantId: road.tenantId },
      body: { action, evidence: 'the chain shows no transfer' },
      correlationId: 'c',
    });
  expect(await say(0, 'reverse')).toMatchObject({ code: 'break_not_resolvable' });
  expect(await say(0, 'release')).toMatchObject({ kind: 'proposed' });
  expect(await say(0, 'release')).toMatchObject({ kind: 'proposed' });
  expect(await say(1, 'release')).toMatchObject({ kind: 'done', view: { state: 'resolved' } });
  expect(await say(1, 'release')).toMatchObject({ code: 'break_not_resolvable' });

  expect(await finish(road, on)).toEqual([]);
  expect(await brokenLaws(road, true)).toEqual([]);
  expect(await booksBreaks(road)).toEqual([]);
  const ends = await rows<{ outcome: string }>('SELECT outcome FROM treasury_move ORDER BY 1');
  expect(ends).toEqual([{ outcome: 'arrived' }, { outcome: 'unpaid' }]);
  expect(paymentsOn(road).get(treasury)).toHaveLength(1);
});
