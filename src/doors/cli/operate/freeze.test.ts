import { afterEach, expect, test } from 'vitest';
import { type Answer, type Heard, run, ScriptedApi } from '../cli.fixture.ts';

const apis: ScriptedApi[] = [];
afterEach(async () => {
  for (const api of apis.splice(0)) await api.close();
});
async function serve(answer: (request: Heard) => Answer): Promise<ScriptedApi> {
  const api = await ScriptedApi.listen(answer);
  apis.push(api);
  return api;
}

const FREEZE = {
  ...{ id: 'f1', scope: 'chain', subject: 'base', reason: 'a leak' },
  ...{ frozenBy: 'k1', frozenAt: '2026-01-31T12:00:00.000Z', proposal: null, lifted: null },
};

test('freeze stops a chain, a wallet, an asset, the tenant or everything, with a reason', async () => {
  const statuses = [201, 200, 201];
  const api = await serve(({ body }) => ({
    status: statuses.shift()!,
    body: { ...FREEZE, subject: null, ...(body as object) },
  }));
  const first = await run(['freeze', 'chain', 'base', '--reason', 'a leak'], { env: api.env });
  expect([first.code, first.out]).toEqual([0, 'chain base is frozen (f1)\n']);
  const again = await run(['freeze', 'tenant', '--reason', 'a leak'], { env: api.env });
  expect(again.out).toBe('the tenant is frozen already (f1)\n');
  const all = await run(['freeze', 'global', '--reason', 'a leak'], { env: api.env });
  expect(all.out).toBe('everything is frozen (f1)\n');
  expect(api.heard.map(({ method, path, body }) => [method, path, body])).toEqual([
    ['POST', '/v1/freeze', { scope: 'chain', subject: 'base', reason: 'a leak' }],
    ['POST', '/v1/freeze', { scope: 'tenant', reason: 'a leak' }],
    ['POST', '/v1/freeze', { scope: 'global', reason: 'a leak' }],
  ]);
  expect((await run(['freeze', 'global'], { env: api.env })).code).toBe(2);
});

test('unfreeze tells whether another has to say it', async () => {
  const statuses = [202, 200];
  const api = await serve(() => ({ status: statuses.shift()!, body: FREEZE }));
  const line = ['unfreeze', 'f1', '--reason', 'mended'];
  expect((await run(line, { env: api.env })).out).toMatch(/^freeze f1: proposed: somebody else/);
  expect((await run(line, { env: api.env })).out).toMatch(/^freeze f1: lifted; chain base goes on/);
  expect(api.heard[0]).toMatchObject({
    method: 'DELETE',
    path: '/v1/freeze/f1',
    body: { reason: 'mended' },
  });
});

test('an unfreeze whose answer is lost is told as unknown', async () => {
  const api = await serve(() => 'hang up');
  const { code, err } = await run(['unfreeze', 'f1', '--reason', 'm'], { env: api.env });
  expect([code, err]).toEqual([3, expect.stringMatching(/did not answer/)]);
});

test('freezes lists them', async () => {
  const api = await serve(() => ({ status: 200, body: { freezes: [FREEZE], cursor: null } }));
  const { out } = await run(['freezes', '--state', 'standing'], { env: api.env });
  expect(out).toMatch(/^id +scope +subject +reason +frozen/);
  expect(api.heard[0]!.path).toBe('/v1/freeze?limit=200&state=standing');
});
