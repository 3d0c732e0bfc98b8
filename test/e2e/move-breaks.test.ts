import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Assets } from '../../src/base/config/index.ts';
import { isRefusal } from '../../src/base/kernel/index.ts';
import { createKey } from '../../src/books/access/index.ts';
import { Ledger } from '../../src/books/ledger/index.ts';
import { MoveResolver } from '../../src/hands/treasury/index.ts';
import { BreakService, orderChainResume } from '../../src/roads/reconcile/index.ts';
import { booksBreaks } from '../sim/books-laws.ts';
import { type TestDatabases, testDatabases } from '../support/postgres.ts';
import { finish, workOn } from '../support/steps/finish.ts';
import { brokenLaws } from '../support/steps/laws.ts';
import { paymentsOn } from '../support/steps/payments.ts';
import { Road } from '../support/steps/road.ts';
import { TOP_UP } from '../support/steps/surroundings.ts';

let databases: TestDatabases;
let road: Road;
let persons: string[];
beforeAll(async () => {
  databases = await testDatabases();
  road = await Road.open(databases, { treasury: true });
  const order = { tenantId: road.tenantId, name: 'a person', scopes: ['admin'] };
  const made = [await createKey(road.wires.app, order), await createKey(road.wires.app, order)];
  persons = made.map((key) => (isRefusal(key) ? '' : key.keyId));
  await road.keep();
});
beforeEach(() => road.reset());
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
  const acts = `SELECT action, actor, subject FROM audit_entry WHERE action ~ '^(proposal|break)' ORDER BY entry_id`;
  const [first, second] = persons.map((person) => `person ${person}`);
  expect(await rows(acts)).toEqual([
    { action: 'proposal.made', actor: first, subject: `break:${found!.id}` },
    { action: 'break.release', actor: second, subject: found!.id },
  ]);

  expect(await finish(road, on)).toEqual([]);
  expect(await brokenLaws(road, true)).toEqual([]);
  expect(await booksBreaks(road)).toEqual([]);
  const ends = await rows<{ outcome: string }>('SELECT outcome FROM treasury_move ORDER BY 1');
  expect(ends).toEqual([{ outcome: 'arrived' }, { outcome: 'unpaid' }]);
  expect(paymentsOn(road).get(treasury)).toHaveLength(1);
});

it('a top-up to which a declared reorg gives another end is told: the books keep the first one', async () => {
  const on = await road.start();
  expect(await on.topUp()).toBe(1);
  await workOn(road, on, 8);
  road.chain.revertNext(({ value }) => value === TOP_UP.amount);
  expect(await finish(road, on)).toEqual([]);
  const told = async () =>
    (
      await road.owner.query<{ data: object }>(
        `SELECT data FROM event WHERE type = 'lane.move_end_changed'`,
      )
    ).rows.map(({ data }) => data);
  expect(await told()).toEqual([]);

  // The same bytes in other blocks, where nothing reverts.
  road.chain.reorg(road.chain.height - 9, { transactions: 'keep' });
  road.chain.mine(1);
  while (await on.observe());
  for (const personId of persons) {
    await orderChainResume(road.wires.app, road.settings.chains[0]!, {
      by: { personId, tenantId: road.tenantId },
      body: { evidence: 'the operator of the chain says so' },
    });
  }
  while (await on.observe());
  road.chain.mine(9);
  while (await on.observe());
  await workOn(road, on, 3);
  expect(await told()).toMatchObject([{ kind: 'topup', booked: 'unpaid', now: 'arrived' }]);
  expect(road.told.join()).toContain('move_end_changed');
  const { rows } = await road.owner.query('SELECT outcome FROM treasury_move');
  expect(rows).toEqual([{ outcome: 'unpaid' }]);
});
