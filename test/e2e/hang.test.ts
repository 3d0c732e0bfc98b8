import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../support/installation.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

/** Connections stay open and nothing comes back: worse to notice than one that is cut. */
describe('what hangs', () => {
  let on: Installation;
  let database: TcpProxy;
  let chain: TcpProxy;

  beforeAll(async () => {
    on = await Installation.make({
      settings: async (settings) => {
        database = await TcpProxy.start(settings.database.url);
        chain = await TcpProxy.start(settings.chains[0]!.rpc[0]!.url);
        const rpc = { url: chain.url(settings.chains[0]!.rpc[0]!.url), roles: ['read', 'send'] };
        return { ...settings, chains: [{ ...settings.chains[0]!, rpc: [rpc as never] }] };
      },
      roleSettings: (role, settings) =>
        role === 'api'
          ? {
              ...settings,
              database: { ...settings.database, url: database.url(settings.database.url) },
            }
          : settings,
    });
    await on.startApi();
    await on.startWorker();
  });
  afterAll(async () => {
    await on?.stop();
    for (const proxy of [database, chain]) await proxy?.stop();
  });

  const readiness = () => on.call('GET', '/readyz');
  const isReady = async () => (await readiness()).status === 200;

  it('a chain: the api stays ready, and says what it knows of it', async () => {
    await until('the api to be ready', isReady);
    chain.silence();
    const answer = await readiness();
    expect(answer).toMatchObject({ status: 200, body: { ready: true } });
    expect(answer.body['checks']).toHaveProperty('chain:local');
    chain.speak();
  });

  it('its database: the api says within seconds that it is not ready and why, and is when it is back', async () => {
    database.silence();
    const begun = performance.now();
    const answers = await Promise.all([readiness(), readiness(), readiness()]);
    // Two seconds on a quiet machine; without a limit it would be the driver's minute.
    expect(performance.now() - begun).toBeLessThan(50_000);
    for (const answer of answers) {
      expect(answer).toMatchObject({
        status: 503,
        body: { ready: false, checks: { database: { ok: false } } },
      });
      expect(JSON.stringify(answer.body)).toMatch(/not reachable: /);
    }
    database.speak();
    await until('the api to be ready again', isReady);
  });
});
