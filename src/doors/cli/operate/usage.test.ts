import { afterEach, expect, test } from 'vitest';
import { run, ScriptedApi } from '../cli.fixture.ts';

let api: ScriptedApi | undefined;
afterEach(() => api?.close());

const sum = (count: number, amount: string) => ({ count, amount, amountAtomic: '1' });
const row = (over: object) => ({
  ...{ id: 'u', endpoint: 'e', method: 'GET', path: '/b', resource: null, asset: 'USDC' },
  ...{ custodial: true, calls: 3, served: 2, billable: sum(2, '0.02'), settled: sum(1, '0.01') },
  ...{ refunded: sum(0, '0'), ...over },
});
const PERIOD = { from: '2026-01-01T00:00:00.000Z', to: '2026-02-01T00:00:00.000Z' };

test('usage reads all pages of one time, and adds what it was', async () => {
  api = await ScriptedApi.listen(({ path }) => ({
    status: 200,
    body: path.includes('cursor=')
      ? { ...PERIOD, usage: [row({ path: '/a' })], cursor: null }
      : { ...PERIOD, usage: [row({})], cursor: 'next' },
  }));
  const { code, out } = await run(['usage', 'shop', '--to', PERIOD.to], { env: api.env });
  expect(code).toBe(0);
  expect(out.split('\n').slice(1)).toEqual([
    expect.stringMatching(/^GET \/a +USDC +3 +2 +2 \(0\.02\) +1 \(0\.01\) +0 \(0\) *$/),
    expect.stringMatching(/^GET \/b /),
    `from ${PERIOD.from} to ${PERIOD.to}`,
    '',
  ]);
  const [first, second] = api.heard.map(({ path }) => new URL(path, 'http://h').searchParams);
  expect(first!.has('from')).toBe(false);
  expect(Object.fromEntries(second!)).toEqual({ ...PERIOD, cursor: 'next', limit: '200' });
});

test('usage of nobody is a fault of who asks', async () => {
  api = await ScriptedApi.listen(() => ({
    status: 404,
    body: { code: 'not_found', detail: 'no' },
  }));
  expect((await run(['usage', 'nobody', '--json'], { env: api.env })).code).toBe(2);
});
