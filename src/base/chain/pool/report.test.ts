import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { systemClock } from '../../kernel/index.ts';
import { EndpointReport, readEndpoints } from '../index.ts';
import type { EndpointView } from './endpoint.ts';
import { hasNews } from './report.ts';

const SINCE = new Date('2026-11-20T12:00:00Z');
const view = (changes: Partial<EndpointView> = {}): EndpointView => ({
  name: 'one',
  host: 'rpc.example',
  roles: ['read', 'send'],
  state: 'healthy',
  since: SINCE,
  head: 100,
  lag: 0,
  latencyMs: 20,
  errorRate: 0,
  lastFailure: null,
  wrongChainId: null,
  ...changes,
});

it.each<[boolean, string, Partial<EndpointView>]>([
  [false, 'nothing', {}],
  [false, 'a new head', { head: 101, lag: 1 }],
  [false, 'a slower answer', { latencyMs: 60 }],
  [true, 'an answer much slower', { latencyMs: 90 }],
  [false, 'a rare failure', { errorRate: 0.05 }],
  [true, 'failures', { errorRate: 0.2 }],
  [true, 'another failure', { lastFailure: 'timeout' }],
  [true, 'another state', { state: 'degraded' }],
  [true, 'another chain', { wrongChainId: 1 }],
])('%s: news is %s', (news, _what, changes) => {
  expect(hasNews([view()], [view(changes)])).toBe(news);
});

describe('what is told of endpoints', () => {
  const CHAIN = 424_242;
  let at: MainDatabase;
  let views: EndpointView[];
  let aheadMs = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs };
  const report = (owner: string) =>
    new EndpointReport({
      db: at.app,
      owner,
      chainId: CHAIN,
      pool: { endpoints: () => views },
      clock,
    });
  const told = async () =>
    (await readEndpoints(at.app))
      .filter(({ chainId }) => chainId === CHAIN)
      .sort((a, b) => (a.name < b.name ? -1 : 1));

  beforeAll(async () => {
    at = await MainDatabase.start();
  });
  afterAll(() => at.stop());

  it('is written when there is news, refreshed every minute, and forgotten with its endpoint', async () => {
    views = [view(), view({ name: 'two', state: 'open', head: null, lag: null, latencyMs: null })];
    const ours = report('us');
    await ours.write();
    const [one, two] = await told();
    expect(one).toMatchObject({ name: 'one', state: 'healthy', since: SINCE, head: 100, lag: 0 });
    expect(two).toMatchObject({ name: 'two', state: 'open', head: null, latencyMs: null });
    views = [view({ head: 105 }), views[1]!];
    await ours.write();
    expect(await told()).toEqual([one, two]);
    aheadMs += 61_000;
    await ours.write();
    expect((await told())[0]).toMatchObject({ head: 105 });
    views = [view({ state: 'wrong_chain', wrongChainId: 1 })];
    await ours.write();
    expect(await told()).toMatchObject([{ name: 'one', state: 'wrong_chain', wrongChainId: 1 }]);
  });

  it('is told by whoever walks the chain, and by no other', async () => {
    await at.owner.query(
      `INSERT INTO chain_head (chain_id, latest, safe, finalized, lease_owner, lease_until)
       VALUES ($1, 0, 0, 0, 'us', now() + interval '1 minute')`,
      [CHAIN],
    );
    views = [view({ state: 'degraded' })];
    await report('them').write();
    expect(await told()).toMatchObject([{ state: 'wrong_chain' }]);
    await report('us').write();
    expect(await told()).toMatchObject([{ state: 'degraded' }]);
    await at.owner.query(
      `UPDATE chain_head SET lease_until = now() - interval '1 second' WHERE chain_id = $1`,
      [CHAIN],
    );
    views = [view({ state: 'open' })];
    await report('them').write();
    expect(await told()).toMatchObject([{ state: 'open' }]);
  });

  it('is not known any more when nobody has told it for long', async () => {
    await at.owner.query(
      `UPDATE rpc_endpoint SET reported_at = now() - interval '3 minutes' WHERE chain_id = $1`,
      [CHAIN],
    );
    expect(await told()).toMatchObject([{ name: 'one', state: null, lastFailure: null }]);
  });
});
