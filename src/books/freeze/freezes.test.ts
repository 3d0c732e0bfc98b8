import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import {
  type Freeze,
  type FreezeTarget,
  freezeOn,
  insertFreeze,
  insertLift,
  readFreezes,
  readStandingFreezes,
  tellFrozen,
} from './index.ts';

const nothing = { tenantId: null, chainId: null, laneId: null, asset: null };
const payment = { tenantId: 't', chainId: 1, laneId: 7, asset: 'usd' };
type Named = Partial<Record<keyof typeof nothing, unknown>>;

describe('what a freeze covers', () => {
  it.each<[string, Named, Partial<Record<keyof typeof payment, unknown>>, boolean]>([
    ['global: everything', {}, {}, true],
    ['the chain', { chainId: 1 }, {}, true],
    ['another chain', { chainId: 2 }, {}, false],
    ['the wallet', { laneId: 7 }, {}, true],
    ['another wallet', { laneId: 8 }, {}, false],
    ['a wallet, before one was chosen', { laneId: 7 }, { laneId: null }, false],
    ['the chain, before a wallet was chosen', { chainId: 1 }, { laneId: null }, true],
    ['the asset', { asset: 'usd' }, {}, true],
    ['another asset', { asset: 'eth' }, {}, false],
    ['the tenant', { tenantId: 't' }, {}, true],
    ['another tenant', { tenantId: 'u' }, {}, false],
  ])('%s', (_, named, of, covered) => {
    const freeze = { ...nothing, ...named } as typeof nothing;
    const found = freezeOn([freeze], { ...payment, ...of } as typeof payment);
    expect(found === freeze).toBe(covered);
  });

  it('is the first of several that does', () => {
    const standing = [{ ...nothing, chainId: 2 }, { ...nothing, asset: 'usd' }, nothing];
    expect(freezeOn(standing, payment)).toBe(standing[1]);
    expect(freezeOn([], payment)).toBeUndefined();
  });

  it('is told by its scope and since when, without who and why', () => {
    const at = new Date('2026-01-31T12:00:00Z');
    expect(tellFrozen({ scope: 'wallet', at })).toBe(
      'the wallet is frozen since 2026-01-31T12:00:00.000Z',
    );
    expect(tellFrozen({ scope: 'global', at })).toMatch(/^everything is frozen/);
  });
});

describe('the rows of freezes', () => {
  let at: MainDatabase;
  let lane: number;
  let other: string;
  const persons: string[] = [];
  beforeAll(async () => {
    at = await MainDatabase.start();
    other = await at.tenant('other');
    for (const name of ['ada', 'bob']) {
      const [row] = await at.rows<{ person_id: string }>(
        `INSERT INTO api_key (tenant_id, name, scopes) VALUES ($1, $2, '{admin}') RETURNING person_id`,
        [at.tenantId, name],
      );
      persons.push(row!.person_id);
    }
    const [row] = await at.rows<{ lane_id: number }>(
      `INSERT INTO lane (tenant_id, chain_id, address, first_nonce, next_nonce)
       VALUES ($1, 1, decode(repeat('aa', 20), 'hex'), 0, 0) RETURNING lane_id`,
      [other],
    );
    lane = row!.lane_id;
  });
  afterAll(() => at?.stop());

  const place = (target: FreezeTarget, reason = 'a leak', by = persons[0]!) =>
    insertFreeze(at.app, target, { reason, by, tenantId: at.tenantId });
  const lift = (id: string, proposedBy = persons[0]!, confirmedBy = persons[1]!) =>
    insertLift(at.app, id, { reason: 'mended', proposedBy, confirmedBy });
  const standing = async () => (await readStandingFreezes(at.app)).map(({ id }) => id);

  it('keep what is covered, by whom and why, until two persons lifted it', async () => {
    const targets: FreezeTarget[] = [
      { scope: 'global' },
      { scope: 'chain', chainId: 1 },
      { scope: 'wallet', laneId: lane },
      { scope: 'asset', asset: 'usd' },
      { scope: 'tenant', tenantId: at.tenantId },
    ];
    const ids: string[] = [];
    for (const target of targets) {
      const made = await place(target);
      expect(made.placed).toBe(true);
      ids.push(made.id);
    }
    const read = await readStandingFreezes(at.app);
    const address = `0x${'aa'.repeat(20)}`;
    expect(read).toMatchObject<Partial<Freeze>[]>([
      { id: ids[0]!, scope: 'global', ...nothing, wallet: null, reason: 'a leak', lift: null },
      { scope: 'chain', chainId: 1, frozenBy: persons[0]! },
      { scope: 'wallet', laneId: lane, wallet: { tenantId: other, chainId: 1, address } as never },
      { scope: 'asset', asset: 'usd' },
      { scope: 'tenant', tenantId: at.tenantId },
    ]);
    const seen = async (tenantId: string) =>
      (await readFreezes(at.app, { tenantId, limit: 9 })).map(({ scope }) => scope);
    expect(await seen(at.tenantId)).toEqual(['tenant', 'asset', 'chain', 'global']);
    expect(await seen(other)).toEqual(['asset', 'wallet', 'chain', 'global']);

    expect(await lift(ids[0]!)).toBe(true);
    expect(await lift(ids[0]!)).toBe(false);
    expect(await standing()).toEqual(ids.slice(1));
    const lifted = await readFreezes(at.app, { tenantId: other, standing: false, limit: 9 });
    expect(lifted).toMatchObject([
      { id: ids[0], lift: { reason: 'mended', confirmedBy: persons[1] } },
    ]);
    for (const id of ids.slice(1)) await lift(id);
  });

  it('are one for the same words of the same key while they stand', async () => {
    const first = await place({ scope: 'global' });
    expect(await place({ scope: 'global' })).toEqual({ id: first.id, placed: false });
    const others = [
      await place({ scope: 'global' }, 'another reason'),
      await place({ scope: 'global' }, 'a leak', persons[1]),
      await place({ scope: 'chain', chainId: 1 }),
    ];
    expect(others.every(({ placed }) => placed)).toBe(true);
    for (const { id } of [first, ...others]) await lift(id);
    const again = await place({ scope: 'global' });
    expect(again.placed).toBe(true);
    await lift(again.id);
  });

  it.each([
    ['global that names a chain', 'global', { chain_id: 1 }],
    ['of a chain that names none', 'chain', {}],
    ['of a chain that names an asset', 'chain', { asset: 'usd' }],
    ['of an asset and a chain', 'asset', { asset: 'usd', chain_id: 1 }],
    ['of another scope', 'galaxy', { chain_id: 1 }],
  ])('can not be %s', async (_, scope, named) => {
    const row = JSON.stringify({ scope, ...named, reason: 'why', frozen_by: persons[0] });
    const columns = 'scope, chain_id, asset, reason, frozen_by';
    const insert = `INSERT INTO operator_freeze (${columns})
      SELECT ${columns} FROM json_populate_record(NULL::operator_freeze, $1)`;
    await expect(at.rows(insert, [row])).rejects.toMatchObject({ code: '23514' });
  });

  it('are not lifted by one person twice', async () => {
    const { id } = await place({ scope: 'tenant', tenantId: at.tenantId });
    await expect(lift(id, persons[0], persons[0])).rejects.toMatchObject({ code: '23514' });
    expect(await standing()).toEqual([id]);
    await lift(id);
  });
});
