import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { Assets } from '../../../base/config/index.ts';
import { isRefusal, silentLog } from '../../../base/kernel/index.ts';
import { createKey } from '../../../books/access/index.ts';
import { FreezeService } from '../index.ts';

const USDC = {
  id: 'USDC',
  caip19: `eip155:1/erc20:0x${'22'.repeat(20)}`,
  chain: 'base',
  chainId: 1,
  address: `0x${'22'.repeat(20)}` as const,
  decimals: 6,
  minimum: 1n,
  fee: 0n,
  tiers: [],
};

let at: MainDatabase;
let freezes: FreezeService;
let other: string;
let lane: string;
let foreignLane: string;
const persons: string[] = [];
beforeAll(async () => {
  at = await MainDatabase.start();
  other = await at.tenant('other');
  for (const name of ['ada', 'bob']) {
    const key = await createKey(at.app, { tenantId: at.tenantId, name, scopes: ['admin:freeze'] });
    if (isRefusal(key)) throw new Error(key.detail);
    persons.push(key.keyId);
  }
  const laneOf = async (tenantId: string, chainId: number, byte: string) => {
    const [row] = await at.rows<{ lane_id: number }>(
      `WITH l AS (INSERT INTO lane (tenant_id, chain_id, address, first_nonce, next_nonce)
         VALUES ($1, $2, decode(repeat($3, 20), 'hex'), 0, 0) RETURNING lane_id)
       INSERT INTO lane_progress (lane_id, mined_nonce) SELECT lane_id, 0 FROM l RETURNING lane_id`,
      [tenantId, chainId, byte],
    );
    return String(row!.lane_id);
  };
  lane = await laneOf(at.tenantId, 1, 'aa');
  foreignLane = await laneOf(other, 2, 'bb');
  const chains = [
    { id: 'base', chainId: 1 },
    { id: 'elsewhere', chainId: 2 },
  ];
  freezes = new FreezeService({ db: at.app, assets: new Assets([USDC]), chains, log: silentLog });
});
afterAll(() => at?.stop());

const order = (body: unknown, person = 0, tenantId = at.tenantId) => ({
  by: { tenantId, personId: persons[person]! },
  body,
  correlationId: 'c',
});
const placed = async (body: object) => {
  const answer = await freezes.freeze(order({ reason: 'a leak', ...body }));
  if (isRefusal(answer)) throw new Error(answer.detail);
  return answer;
};
const lift = (id: string, person: number, reason = 'mended', tenantId = at.tenantId) =>
  freezes.lift(id, order({ reason }, person, tenantId));
const events = (id: string) =>
  at.rows(
    'SELECT tenant_id, type, data, correlation_id FROM event WHERE subject_id = $1 ORDER BY event_id',
    [id],
  );

describe('a freeze', () => {
  it('is placed by one person, told to everybody with who and why, and placed once', async () => {
    const { placed: now, view } = await placed({ scope: 'chain', subject: 'base' });
    expect(now).toBe(true);
    expect(view).toMatchObject({
      ...{ scope: 'chain', subject: 'base', reason: 'a leak', frozenBy: persons[0] },
      ...{ proposal: null, lifted: null },
    });
    const again = await placed({ scope: 'chain', subject: 'base' });
    expect([again.placed, again.view.id]).toEqual([false, view.id]);
    const data = { scope: 'chain', subject: 'base', reason: 'a leak', by: persons[0] };
    const told = await events(view.id);
    expect(told.map(({ tenant_id }) => tenant_id).sort()).toEqual([at.tenantId, other].sort());
    expect(told[0]).toMatchObject({ type: 'freeze.placed', data, correlation_id: 'c' });
    await lift(view.id, 0);
    await lift(view.id, 1);
  });

  it('is lifted by two persons with the same words, and by no one alone', async () => {
    const { view } = await placed({ scope: 'wallet', subject: lane });
    expect(await lift(view.id, 0)).toMatchObject({ kind: 'proposed' });
    expect(await lift(view.id, 0)).toMatchObject({
      kind: 'proposed',
      view: { lifted: null, proposal: { reason: 'mended', proposedBy: persons[0] } },
    });
    // Other words take the place of the first, which then is no one's word any more.
    expect(await lift(view.id, 1, 'all is well')).toMatchObject({ kind: 'proposed' });
    expect(await lift(view.id, 1, 'all is well')).toMatchObject({ kind: 'proposed' });
    const done = await lift(view.id, 0, 'all is well');
    expect(done).toMatchObject({
      kind: 'lifted',
      view: { proposal: null, lifted: { proposedBy: persons[1], confirmedBy: persons[0] } },
    });
    expect(await lift(view.id, 1, 'all is well')).toMatchObject({ kind: 'lifted' });
    const told = await events(view.id);
    expect(told.map(({ type, tenant_id }) => [type, tenant_id])).toEqual([
      ['freeze.placed', at.tenantId],
      ['freeze.lifted', at.tenantId],
    ]);
    expect(told[1]).toMatchObject({
      data: { reason: 'all is well', proposedBy: persons[1], confirmedBy: persons[0] },
    });
    const audited = await at.rows(
      'SELECT action, actor, detail FROM audit_entry WHERE subject = $1 ORDER BY entry_id',
      [view.id],
    );
    expect(audited).toEqual(
      told.map(({ type, data }) => ({
        action: type,
        actor: `person ${persons[0]}`,
        detail: data,
      })),
    );
  });

  it('is lifted once by two who come at the same time', async () => {
    const { view } = await placed({ scope: 'global' });
    await lift(view.id, 0);
    const answers = await Promise.all([lift(view.id, 1), lift(view.id, 1), lift(view.id, 1)]);
    expect(answers.every((answer) => !isRefusal(answer))).toBe(true);
    expect((await events(view.id)).filter(({ type }) => type === 'freeze.lifted')).toHaveLength(2);
    const rows = await at.rows('SELECT 1 FROM operator_freeze_lift WHERE freeze_id = $1', [
      view.id,
    ]);
    expect(rows).toHaveLength(1);
  });

  it('of a tenant or its wallet is not there for another tenant', async () => {
    const own = await placed({ scope: 'tenant' });
    const wallet = await placed({ scope: 'wallet', subject: lane });
    const asset = await placed({ scope: 'asset', subject: 'USDC' });
    const seen = await freezes.list(other, { state: 'standing' }, { limit: 9, before: null });
    expect(seen.map(({ id }) => id)).toEqual([asset.view.id]);
    for (const { view } of [own, wallet]) {
      expect(await lift(view.id, 1, 'mended', other)).toMatchObject({ code: 'not_found' });
    }
    const mine = await freezes.list(at.tenantId, { state: 'standing' }, { limit: 9, before: null });
    expect(mine.map(({ scope }) => scope)).toEqual(['asset', 'wallet', 'tenant']);
    const [newest] = mine;
    const page = { limit: 1, before: newest!.id };
    expect(await freezes.list(at.tenantId, {}, page)).toMatchObject([{ scope: 'wallet' }]);
    expect(
      await freezes.list(at.tenantId, { state: 'lifted' }, { limit: 9, before: null }),
    ).toHaveLength(3);
  });

  it('of everything, a chain or an asset is lifted by nobody of another tenant', async () => {
    const eve: string[] = [];
    for (const name of ['eve', 'eva']) {
      const key = await createKey(at.app, { tenantId: other, name, scopes: ['admin:freeze'] });
      if (isRefusal(key)) throw new Error(key.detail);
      eve.push(key.keyId);
    }
    const ends = [];
    for (const target of [
      { scope: 'global' },
      { scope: 'chain', subject: 'base' },
      { scope: 'asset', subject: 'USDC' },
    ]) {
      const { view } = await placed({ ...target, reason: 'a theft' });
      for (const personId of [...eve, ...eve]) {
        const by = { tenantId: other, personId };
        const word = { by, body: { reason: 'all is well' }, correlationId: 'c' };
        ends.push(await freezes.lift(view.id, word));
      }
      expect(await lift(view.id, 0)).toMatchObject({ kind: 'proposed', view: { lifted: null } });
      expect(await lift(view.id, 1)).toMatchObject({ kind: 'lifted' });
    }
    expect(ends.map((end) => isRefusal(end) && end.code)).toEqual(
      Array(12).fill('freeze_elsewhere'),
    );
  });

  it('that is placed again stands whatever was said towards its end before', async () => {
    const { view } = await placed({ scope: 'asset', subject: 'USDC', reason: 'a second theft' });
    await lift(view.id, 0);
    const again = await placed({ scope: 'asset', subject: 'USDC', reason: 'a second theft' });
    expect([again.placed, again.view.id]).toEqual([false, view.id]);
    expect(await lift(view.id, 1)).toMatchObject({ kind: 'proposed', view: { lifted: null } });
    expect(await lift(view.id, 0)).toMatchObject({ kind: 'lifted' });
  });

  it.each<[string, unknown, string]>([
    ['no object', 'all', ''],
    ['no scope', { reason: 'r' }, '/scope'],
    ['an unknown scope', { scope: 'galaxy', reason: 'r' }, '/scope'],
    ['no reason', { scope: 'global' }, '/reason'],
    ['a blank reason', { scope: 'global', reason: ' ' }, '/reason'],
    [
      'a subject where the scope says it all',
      { scope: 'global', subject: 'x', reason: 'r' },
      '/subject',
    ],
    ['no subject', { scope: 'chain', reason: 'r' }, '/subject'],
    ['an unknown chain', { scope: 'chain', subject: 'mars', reason: 'r' }, '/subject'],
    [
      'a chain without a wallet of the tenant',
      { scope: 'chain', subject: 'elsewhere', reason: 'r' },
      '/subject',
    ],
    ['an unknown asset', { scope: 'asset', subject: 'DOGE', reason: 'r' }, '/subject'],
    ['an unknown wallet', { scope: 'wallet', subject: '99', reason: 'r' }, '/subject'],
    ['an unknown field', { scope: 'global', reason: 'r', until: 'x' }, '/until'],
  ])('is refused: %s', async (_, body, pointer) => {
    const before = await at.rows('SELECT count(*) FROM operator_freeze');
    const answer = await freezes.freeze(order(body));
    expect(isRefusal(answer) && answer.faults?.[0]?.pointer).toBe(pointer);
    expect(await at.rows('SELECT count(*) FROM operator_freeze')).toEqual(before);
  });

  it("is refused of another tenant's wallet", async () => {
    const body = { scope: 'wallet', subject: foreignLane, reason: 'r' };
    expect(await freezes.freeze(order(body))).toMatchObject({ code: 'invalid_request' });
  });

  it('is not lifted without a reason, nor where there is none', async () => {
    const { view } = await placed({ scope: 'tenant' });
    expect(await freezes.lift(view.id, order({}))).toMatchObject({ code: 'invalid_request' });
    expect(await lift(randomUUID(), 0)).toMatchObject({ code: 'not_found' });
    expect(await lift('nonsense', 0)).toMatchObject({ code: 'not_found' });
  });
});
