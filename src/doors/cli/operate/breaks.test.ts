import { afterEach, describe, expect, test } from 'vitest';
import { type Answer, DOORS, type Heard, run, ScriptedApi } from '../cli.fixture.ts';

const apis: ScriptedApi[] = [];
afterEach(async () => {
  for (const api of apis.splice(0)) await api.close();
});

async function serve(answer: (request: Heard) => Answer): Promise<ScriptedApi> {
  const api = await ScriptedApi.listen(answer);
  apis.push(api);
  return api;
}

const BREAK = {
  id: 'b1',
  kind: 'effect_mismatch',
  state: 'open',
  chain: 'local',
  withdrawalId: 'w1',
  openedAt: '2026-01-31T12:00:00.000Z',
};
const RESOLVE = ['breaks', 'resolve', 'b1', '--evidence', 'seen', '--action'];

describe('breaks', () => {
  test('are listed, by their state too', async () => {
    const api = await serve(() => ({ status: 200, body: { breaks: [BREAK], cursor: null } }));
    const { code, out } = await run(['breaks', 'list', '--state', 'open'], { env: api.env });
    expect(code).toBe(0);
    expect(out).toMatch(/^id +kind +state +chain +withdrawal +opened\nb1 +effect_mismatch +open/);
    expect(api.heard[0]!.path).toBe('/v1/reconciliation/breaks?limit=200&state=open');
    expect((await run(['breaks', 'list', '--state', 'x'], { env: api.env })).code).toBe(2);
  });

  test('are shown whole', async () => {
    const api = await serve(() => ({ status: 200, body: BREAK }));
    const { out } = await run(['breaks', 'show', 'b1'], { env: api.env });
    expect(JSON.parse(out)).toEqual(BREAK);
    expect(api.heard[0]!.path).toBe('/v1/reconciliation/breaks/b1');
  });

  test('are resolved by two: the first is told that another is needed', async () => {
    const statuses = [202, 200];
    const api = await serve(() => ({
      status: statuses.shift()!,
      body: { ...BREAK, state: 'resolved' },
    }));
    const first = await run([...RESOLVE, 'commit'], { env: api.env });
    expect(first.out).toMatch(/proposed: somebody else says the same with a key of their own/);
    const second = await run([...RESOLVE, 'commit', '--api-key', 'pk_other'], { env: api.env });
    expect(second.out).toMatch(/commit is done; the break is resolved/);
    expect(api.heard.map(({ body }) => body)).toEqual([
      { action: 'commit', evidence: 'seen' },
      { action: 'commit', evidence: 'seen' },
    ]);
    expect(api.heard[1]!.headers.authorization).toBe('Bearer pk_other');
  });

  test('are adjusted by what left and what came', async () => {
    const api = await serve(() => ({ status: 202, body: BREAK }));
    const moves = ['--adjust', 'USDC:1.5:left', '--adjust', 'eip155:1/slip44:60:0.1:arrived'];
    await run([...RESOLVE, 'adjust', ...moves], { env: api.env });
    await run([...RESOLVE, 'adjust'], { env: api.env });
    expect(api.heard.map(({ body }) => (body as { adjustments: unknown }).adjustments)).toEqual([
      [
        { asset: 'USDC', amount: '1.5', movement: 'left' },
        { asset: 'eip155:1/slip44:60', amount: '0.1', movement: 'arrived' },
      ],
      [],
    ]);
    const wrong = await run([...RESOLVE, 'adjust', '--adjust', 'USDC 1'], { env: api.env });
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringMatching(/USDC:1.5:left/)]);
  });

  test('that can not be resolved so end with 1 and why', async () => {
    const body = { code: 'break_not_resolvable', detail: 'The break is resolved.' };
    const api = await serve(() => ({ status: 409, body }));
    const { code, err } = await run([...RESOLVE, 'release'], { env: api.env });
    expect([code, err]).toEqual([1, 'payonce: break_not_resolvable: The break is resolved.\n']);
    expect((await run([...RESOLVE, 'pay'], { env: api.env })).code).toBe(2);
    expect((await run(['breaks', 'resolve', 'b1'], { env: api.env })).code).toBe(2);
  });
});

describe('chains resume', () => {
  test('tells whether another has to say it', async () => {
    const told = { chain: 'base', halted: 'reorg below finalized', evidence: 'seen' };
    const statuses = ['proposed', 'ordered'];
    const api = await serve(() => ({ status: 202, body: { ...told, status: statuses.shift() } }));
    const line = ['chains', 'resume', 'base', '--evidence', 'seen'];
    expect((await run(line, { env: api.env })).out).toMatch(
      /^chain base \(reorg below finalized\): proposed/,
    );
    expect((await run(line, { env: api.env })).out).toMatch(/ordered; its tracker takes/);
    expect(api.heard[0]).toMatchObject({
      method: 'POST',
      path: '/v1/chains/base/resume',
      body: { evidence: 'seen' },
    });
    expect((await run(['chains', 'resume', 'base'], { env: api.env })).code).toBe(2);
  });

  test("uses the operator's key of dev.json", async () => {
    const api = await serve(() => ({ status: 200, body: BREAK }));
    const dev = { apiUrl: api.url, apiKey: 'pk_client', databaseUrl: '', signerDatabaseUrl: '' };
    const readDevFile = () => ({ ...dev, adminApiKey: 'pk_admin' });
    const doors = { ...DOORS, readDevFile };
    await run(['breaks', 'show', 'b1'], { doors });
    expect(api.heard[0]!.headers.authorization).toBe('Bearer pk_admin');
  });
});
