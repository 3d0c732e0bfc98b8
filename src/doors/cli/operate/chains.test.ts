import { afterEach, describe, expect, test } from 'vitest';
import { type Answer, DOORS, run, ScriptedApi } from '../cli.fixture.ts';

const apis: ScriptedApi[] = [];
afterEach(async () => {
  for (const api of apis.splice(0)) await api.close();
});
async function serve(answer: Answer): Promise<ScriptedApi> {
  const api = await ScriptedApi.listen(() => answer);
  apis.push(api);
  return api;
}

const endpoint = {
  name: 'alpha',
  host: 'rpc.example',
  roles: ['read', 'send'],
  state: 'healthy',
  since: '2026-11-20T12:00:00.000Z',
  head: 120,
  lag: 0,
  latencyMs: 31,
  errorRate: 0.02,
  lastError: 'timeout',
  wrongChainId: null,
  reportedAt: '2026-11-20T12:00:00.000Z',
};
const chains = [
  {
    ...{ id: 'base', chainId: 8453, latest: 120, safe: 110, finalized: 100, lag: 0 },
    ...{ halted: null, reorgs: 0, advancedAt: null, lanes: [], quorum: { needed: 2, of: 2 } },
    endpoints: [
      endpoint,
      {
        ...endpoint,
        ...{ name: 'beta', state: 'wrong_chain', head: null, lag: null, latencyMs: null },
        ...{ wrongChainId: 1, errorRate: null, lastError: null, since: null },
      },
    ],
  },
];

describe('chains', () => {
  test('prints how far each chain is and how its endpoints do', async () => {
    const api = await serve({ status: 200, body: { chains } });
    const { code, out } = await run(['chains'], { env: api.env });
    expect(code).toBe(0);
    expect(api.heard).toMatchObject([{ method: 'GET', path: '/v1/chains' }]);
    expect(out).toBe(`chain  latest  safe  finalized  lag  quorum  halted
base   120     110   100        0    2 of 2  -

chain  endpoint  roles      state            head  lag  ms  errors  last error  since
base   alpha     read,send  healthy          120   0    31  2 %     timeout     2026-11-20T12:00:00.000Z
base   beta      read,send  wrong_chain (1)  -     -    -   -       -           -
`);
  });

  test('prints what came with --json', async () => {
    const api = await serve({ status: 200, body: { chains } });
    const { out } = await run(['chains', '--json'], { env: api.env });
    expect(JSON.parse(out)).toEqual({ chains });
  });

  test("takes the operator's key of a local start", async () => {
    const api = await serve({ status: 200, body: { chains: [] } });
    const dev = {
      ...{ apiUrl: api.url, apiKey: 'pk_client', adminApiKey: 'pk_admin' },
      ...{ databaseUrl: '', signerDatabaseUrl: '' },
    };
    const doors = { ...DOORS, readDevFile: () => dev };
    expect((await run(['chains'], { doors })).code).toBe(0);
    expect(api.heard[0]!.headers.authorization).toBe('Bearer pk_admin');
  });

  test('ends with 2 when the key may not read them', async () => {
    const body = { code: 'missing_scope', detail: 'The key lacks the scope admin.' };
    const api = await serve({ status: 403, body });
    const { code, err } = await run(['chains'], { env: api.env });
    expect([code, err]).toEqual([2, 'payonce: missing_scope: The key lacks the scope admin.\n']);
  });
});
