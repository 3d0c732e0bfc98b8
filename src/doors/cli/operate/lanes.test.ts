import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabases, testDatabases } from '../../../../test/support/postgres.ts';
import { Road } from '../../../../test/support/steps/road.ts';
import { TOKEN } from '../../../../test/support/steps/surroundings.ts';
import { DOORS, run } from '../cli.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-lanes-'));
const config = join(folder, 'payonce.yaml');
let databases: TestDatabases;
let road: Road;
let address = '';
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  databases = await testDatabases();
  road = await Road.open(databases);
  address = road.settings.lanes[0]!.address;
  env = { DATABASE_URL: databases.mainUrl };
  const tiers = '[{ name: low, commitAt: safe }]';
  writeFileSync(
    config,
    `
chains: [{ id: local, chainId: 31337, rpc: [{ url: "http://127.0.0.1:8545" }], fees: { maxFeePerGasGwei: "50" } }]
assets:
  - { id: ETH, chain: local, decimals: 18, tiers: ${tiers} }
  - { id: USDC, chain: local, address: "${TOKEN}", decimals: 6, tiers: ${tiers} }
`,
  );
});
afterAll(async () => {
  await road?.close();
  await databases?.drop();
  rmSync(folder, { recursive: true });
});

const lanes = (...argv: string[]) =>
  run(['lanes', ...argv], { env, doors: { ...DOORS, portOf: () => road.node } });
const json = async (...argv: string[]) => JSON.parse((await lanes(...argv, '--json')).out);
const events = (type: string) =>
  road.owner.query('SELECT data FROM event WHERE type = $1', [type]).then(({ rows }) => rows);
const audit = () =>
  road.owner
    .query(
      `SELECT action, subject, detail FROM audit_entry WHERE action LIKE 'lane.%' ORDER BY entry_id`,
    )
    .then(({ rows }) => rows);

describe('payonce lanes', () => {
  it("lists and shows a lane by any of its names, in the configuration's words where it is named", async () => {
    expect(await json('list', '--config', config)).toMatchObject([
      {
        id: '1',
        chain: 'local',
        paused: null,
        inFlight: 0,
        balances: [
          { asset: 'USDC', available: '1000000' },
          { asset: 'ETH', available: '2000' },
        ],
      },
    ]);
    const table = await lanes('list');
    expect(table).toMatchObject({ code: 0, err: '' });
    expect(table.out).not.toContain('retired');
    expect(table.out).toContain(`2000 eip155:31337/slip44:60`);
    for (const name of ['1', address, address.toUpperCase().replace('X', 'x'), `31337:${address}`])
      expect(await json('show', name)).toMatchObject({ id: '1' });
  });

  it('pauses a lane with a reason, once, and opens it again', async () => {
    const first = await json('pause', '1', '--reason', 'key rotation');
    expect(first.paused).toMatchObject({ reason: 'operator', note: 'key rotation' });
    const again = await json('pause', '1', '--reason', 'another word');
    expect(again.paused).toEqual(first.paused);
    expect(await events('lane.paused')).toMatchObject([{ data: { note: 'key rotation' } }]);
    expect((await lanes('show', '1')).out).toMatch(/paused since .* \(operator\) by .*: key rot/);
    expect(await json('resume', '1', '--reason', 'done')).toMatchObject({ paused: null });
    expect(await json('resume', '1', '--reason', 'done')).toMatchObject({ paused: null });
    expect(await events('lane.resumed')).toMatchObject([{ data: { note: 'done' } }]);
    expect(await audit()).toMatchObject([
      { action: 'lane.paused', subject: '1', detail: { note: 'key rotation' } },
      { action: 'lane.resumed', subject: '1', detail: { reason: 'operator', note: 'done' } },
    ]);
  });

  it('shows what adoption would do, does it with a reason, and then nothing more', async () => {
    const open = await lanes('adopt', '1', '--config', config);
    expect(open.code).toBe(3);
    expect(open.out).toMatch(/not clear: the lane is in use/);
    await road.owner.query(`UPDATE lane SET paused_reason = 'foreign_nonce', paused_at = now()`);
    for (const verb of ['pause', 'resume']) {
      const refused = await lanes(verb, '1', '--reason', 'x');
      expect([refused.code, refused.out]).toEqual([1, '']);
      expect(refused.err).toMatch(/opens by its adoption only: payonce lanes adopt 1/);
    }
    // Somebody sent it 5 of the token, from the first block on.
    road.chain.give(road.settings.lanes[0]!.address, 5_000_000n, TOKEN);
    const shown = await lanes('adopt', address, '--config', config);
    expect(shown).toMatchObject({ code: 0, err: '' });
    expect(shown.out).toMatch(/USDC +1000005 +1000000 +\+5 \(funds\)/);
    expect(shown.out).toMatch(/with --reason the difference is booked/);
    expect(await json('show', '1')).toMatchObject({ paused: { reason: 'foreign_nonce' } });

    const done = await lanes('adopt', '1', '--config', config, '--reason', 'a gift');
    expect(done).toMatchObject({ code: 0, err: '' });
    expect(done.out).toMatch(/the lane is open and goes on at nonce 0/);
    expect(await json('show', '1', '--config', config)).toMatchObject({
      paused: null,
      balances: [{ available: '1000005' }, {}],
    });
    expect(await events('lane.adopted')).toMatchObject([
      { data: { reason: 'a gift', booked: [{ amount: '5000000' }] } },
    ]);
    expect((await audit()).at(-1)).toMatchObject({ action: 'lane.adopted', subject: '1' });
  });

  it.each([
    [['show', '7'], 2, /there is no lane "7"/],
    [['pause', '1'], 2, /required option '--reason <text>' not specified/],
    [['adopt', '1'], 2, /no configuration is named/],
    [['adopt', '1', '--config', config, '--force'], 2, /--force needs a --reason/],
  ])('%j: %s', async (argv, code, told) => {
    const ran = await lanes(...argv);
    expect([ran.code, ran.out]).toEqual([code, '']);
    expect(ran.err).toMatch(told);
  });
});
