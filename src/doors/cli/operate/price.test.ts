import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, run, ScriptedApi } from '../cli.fixture.ts';

let api: ScriptedApi | undefined;
afterEach(() => api?.close());

const TERMS = {
  ...{ asset: 'USDC', scheme: 'exact', price: '0.5', priceAtomic: '500000', usageHeader: null },
  ...{ unitPrice: null, unitSize: null, withoutUsage: null, payTo: '0xA', onFailure: 'keep' },
  ...{ assetTransferMethod: 'eip3009', upstream: 'https://up.example/', timeoutMs: 30_000 },
  ...{ maxResponseBytes: 1_048_576, description: null },
};
const AT = '2026-02-01T00:00:00.000Z';
const ENDPOINT = {
  ...{ id: 'e', merchant: 'shop', method: 'GET', path: '/weather/*', ...TERMS },
  ...{ status: 'in_force', effectiveAt: '2026-01-01T00:00:00.000Z', pending: null },
};
const LOWER = {
  ...ENDPOINT,
  pending: { effectiveAt: AT, terms: { ...TERMS, price: '0.4', priceAtomic: '400000' } },
};
const SET = [
  ...['price', 'set', 'shop', 'get', '/weather/*', '--asset', 'USDC', '--price', '0.4'],
  ...['--pay-to', '0xA', '--upstream', 'https://up.example/'],
];

async function ran(argv: string[], answer: Answer) {
  api = await ScriptedApi.listen(() => answer);
  return run(argv, { env: api.env });
}
const ok = (body: unknown, status = 200) => ({ status, body });

describe('price list', () => {
  it('shows what is in force, and what waits with its time', async () => {
    const other = {
      ...ENDPOINT,
      id: 'f',
      merchant: 'b',
      pending: { effectiveAt: AT, terms: null },
    };
    const { code, out } = await ran(['price', 'list'], ok({ items: [LOWER, other] }));
    const [heads, first, second] = out.split('\n');
    expect(code).toBe(0);
    expect(heads).toMatch(
      /^id +merchant +method +path +price +pay to +upstream +status +since +pending$/,
    );
    expect(first).toMatch(/^e +shop +GET +\/weather\/\* +0\.5 USDC .* price 0\.4 at 2026-02-01T/);
    expect(second).toMatch(/removed at 2026-02-01T/);
  });

  it('of one merchant leaves out the others, also as JSON', async () => {
    const items = [ENDPOINT, { ...ENDPOINT, merchant: 'b' }];
    const { out } = await ran(['price', 'list', '--merchant', 'b', '--json'], ok({ items }));
    expect(JSON.parse(out)).toEqual({ items: [items[1]] });
  });
});

describe('price set', () => {
  it('asks with what was given and nothing else, and says from when on it counts', async () => {
    const more = ['--timeout-ms', '500', '--on-failure', 'keep'];
    const { code, out } = await ran([...SET, ...more], ok(LOWER, 202));
    expect(code).toBe(0);
    expect(api!.heard[0]).toMatchObject({ method: 'POST', path: '/v1/priced-endpoints' });
    expect(api!.heard[0]!.body).toEqual({
      ...{ merchant: 'shop', method: 'GET', path: '/weather/*', asset: 'USDC', price: '0.4' },
      ...{ payTo: '0xA', upstream: 'https://up.example/', timeoutMs: 500, onFailure: 'keep' },
    });
    expect(out).toBe(
      `GET /weather/* of shop (e) is 0.5 USDC; what waits (price 0.4) is in force from ${AT} on; until then it can be stopped: payonce price veto e --reason …\n`,
    );
  });

  it.each([
    [ENDPOINT, 'is 0.5 USDC, in force\n'],
    [{ ...ENDPOINT, scheme: 'upto' }, 'is up to 0.5 USDC, in force\n'],
    [{ ...ENDPOINT, status: 'scheduled', effectiveAt: AT }, `waits, and is 0.5 USDC from ${AT} on`],
  ])('tells a price that is so, case %#', async (view, told) => {
    expect((await ran(SET, ok(view, 201))).out).toContain(told);
  });

  it('names every fault of a price', async () => {
    const errors = [
      { pointer: '/price', got: '"0"', expected: 'a positive decimal string' },
      { pointer: '/payTo', got: '"0xA"', expected: '0x and 40 hex digits' },
    ];
    const body = { code: 'invalid_request', detail: '…', errors };
    const { code, err } = await ran(SET, ok(body, 400));
    expect(code).toBe(2);
    expect(err).toContain('/price is "0"');
    expect(err).toContain('/payTo is "0xA"');
  });

  it('whose answer was lost says where to look', async () => {
    const { code, err } = await ran(SET, 'hang up');
    expect(code).toBe(3);
    expect(err).toContain('payonce price list shows it');
  });

  it.each([[SET.slice(0, -2)], [[...SET, '--timeout-ms', 'soon']], [SET.slice(0, 4)]])(
    'without what it needs asks nobody, case %#',
    async (argv) => {
      expect((await run(argv)).code).toBe(2);
    },
  );
});

describe('what waits', () => {
  it('is stopped with a reason', async () => {
    const { code, out } = await ran(['price', 'veto', 'e', '--reason', 'not ours'], ok(ENDPOINT));
    expect(code).toBe(0);
    expect(api!.heard[0]).toMatchObject({
      ...{ method: 'POST', path: '/v1/priced-endpoints/e/veto', body: { reason: 'not ours' } },
    });
    expect(out).toBe('what waited is stopped; GET /weather/* of shop (e) is 0.5 USDC, in force\n');
    expect((await run(['price', 'veto', 'e'])).code).toBe(2);
  });

  it('is nothing: that is told', async () => {
    const body = { code: 'nothing_pending', detail: 'Nothing waits at this endpoint' };
    const { code, err } = await ran(['price', 'veto', 'e', '--reason', 'x'], ok(body, 409));
    expect([code, err]).toEqual([1, 'payonce: nothing_pending: Nothing waits at this endpoint\n']);
  });
});

it('price remove takes a price away', async () => {
  const { out } = await ran(['price', 'remove', 'e'], ok({ ...ENDPOINT, status: 'removed' }));
  expect(api!.heard[0]).toMatchObject({ method: 'DELETE', path: '/v1/priced-endpoints/e' });
  expect(out).toContain('is not sold any more');
});
