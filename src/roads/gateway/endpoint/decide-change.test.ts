import { describe, expect, it } from 'vitest';
import {
  decidePut,
  decideRemoval,
  isOffered,
  loosens,
  neverSold,
  standingOf,
  type Terms,
} from './decide-change.ts';
import type { PricedEndpoint, Usage } from './rows.ts';

const [OURS, OTHER] = [`0x${'aa'.repeat(20)}`, `0x${'bb'.repeat(20)}`] as const;
const BASE: Terms = {
  ...{ asset: 'a', transferMethod: 'eip3009', price: 100n, payTo: OURS },
  ...{ upstream: 'https://up.example/', onFailure: 'refund', timeoutMs: 1_000 },
  ...{ maxResponseBytes: 1_000, description: null, usage: null },
};
const price = (over: Partial<PricedEndpoint> = {}): PricedEndpoint => ({
  ...BASE,
  ...{ id: 'p', firstId: 'p', tenantId: 't', merchantId: 'm', merchant: 'shop', method: 'GET' },
  ...{ path: '/w/*', effectiveAt: new Date(0), removedAt: null, inForce: true },
  ...over,
});

describe('a change of a price', () => {
  it.each<[Partial<Terms>, string[]]>([
    [{}, []],
    [{ price: 101n }, []],
    [{ price: 99n }, ['price']],
    [{ asset: 'b', price: 1_000n }, ['asset']],
    [{ transferMethod: 'permit2' }, ['transferMethod']],
    [{ payTo: OTHER }, ['payTo']],
    [{ upstream: 'https://up.example/other' }, ['upstream']],
    [{ onFailure: 'keep' }, ['onFailure']],
    [{ onFailure: 'retry' }, ['onFailure']],
    [{ timeoutMs: 1_001 }, []],
    [{ timeoutMs: 999 }, ['timeoutMs']],
    [{ maxResponseBytes: 1_001 }, []],
    [{ maxResponseBytes: 999 }, ['maxResponseBytes']],
    [{ description: 'another' }, []],
    [{ price: 101n, payTo: OTHER, upstream: 'https://a/' }, ['payTo', 'upstream']],
  ])('loosens by its terms, case %#', (over, fields) => {
    expect(loosens(BASE, { ...BASE, ...over })).toEqual(fields);
  });
});

describe('a change of what an answer costs', () => {
  const usage: Usage = { header: 'x-tokens', unitPrice: 3n, unitSize: 1_000n, without: 'most' };
  const metered: Terms = { ...BASE, transferMethod: 'upto', onFailure: 'release', usage };
  it.each<[string, Partial<Usage>, string[]]>([
    ['the same, read anew', {}, []],
    ['a dearer unit', { unitPrice: 4n }, []],
    ['as dear by another measure', { unitPrice: 6n, unitSize: 2_000n }, []],
    ['a cheaper unit', { unitPrice: 2n }, ['usage']],
    ['a larger one for as much', { unitSize: 1_001n }, ['usage']],
    ['another count', { header: 'x-bytes' }, ['usage']],
    ['nothing without a count', { without: 'nothing' }, ['usage']],
  ])('%s', (_, over, fields) => {
    expect(loosens(metered, { ...metered, usage: { ...usage, ...over } })).toEqual(fields);
  });

  it('to another scheme loosens it', () => {
    const all = ['transferMethod', 'usage', 'onFailure'];
    expect(loosens(metered, BASE).sort()).toEqual(all.sort());
    expect(loosens(BASE, metered).sort()).toEqual(all.sort());
  });
});

describe('a path', () => {
  const of = (...endpoints: PricedEndpoint[]) =>
    standingOf(endpoints, { method: 'GET', path: '/w/seoul' });
  const wide = price();
  const own = price({ id: 'o', path: '/w/seoul', price: 500n });
  const waiting = price({ id: 'n', path: '/w/seoul', price: 50n, inForce: false });

  it.each<[string, PricedEndpoint[], bigint, string[] | null]>([
    ['without any price', [], 500n, ['path']],
    ['of another method', [price({ method: 'POST' })], 500n, ['path']],
    ['below a wider one, for more', [wide], 101n, ['path']],
    ['with its own, for less', [wide, own], 499n, ['price']],
    ['with its own, for more', [wide, own], 501n, []],
    ['with its own, as it is', [wide, own], 500n, null],
    ['with one that waits, asked again', [own, waiting], 50n, null],
    ['with one that waits, back to what is in force', [own, waiting], 500n, []],
    ['with one that waits, between both', [own, waiting], 60n, ['price']],
    [
      'that is to be taken away, and shall stay',
      [price({ ...own, removedAt: new Date(1) })],
      500n,
      [],
    ],
  ])('%s', (_, endpoints, asked, said) => {
    expect(decidePut(of(...endpoints), { ...BASE, price: asked }, false)).toEqual(said);
  });

  it.each<[string, PricedEndpoint[], string[] | null]>([
    ['without any price', [], []],
    ['with one that waits, as it is', [price({ ...waiting, price: 500n })], []],
    ['with its own, for less', [price({ ...own, price: 501n })], ['price']],
    ['with its own, as it is', [own], null],
  ])('that opens, %s', (_, endpoints, said) => {
    expect(decidePut(of(...endpoints), { ...BASE, price: 500n }, true)).toEqual(said);
  });

  const offer = { method: 'GET', path: '/w/seoul', upstream: BASE.upstream } as const;
  it.each([
    [{}, true],
    [{ method: 'POST' as const }, false],
    [{ path: '/w/*' }, false],
    [{ upstream: `${BASE.upstream}other` }, false],
  ])('is offered as it stands in the configuration, case %#', (over, said) => {
    expect(isOffered([offer], { ...offer, ...over })).toBe(said);
  });

  it.each<[string, string, boolean]>([
    ['/w/seoul', '/w/seoul', false],
    ['/w/*', '/w/seoul', false],
    ['/*', '/w/seoul', false],
    ['/w/seoul', '/w/*', false],
    ['/w/seoul', '/*', false],
    ['/w/*', '/w/seoul/*', false],
    ['/w', '/w/*', false],
    ['/w/*', '/w', false],
    ['/w', '/w/seoul', true],
    ['/w/seoul', '/w/seoul2', true],
    ['/w/seoul/*', '/w/seoul2', true],
    ['/w/*', '/v/*', true],
  ])('after %s was sold, that %s never was: case %#', (was, path, said) => {
    const sold = [{ method: 'GET' as const, path: was }];
    expect(neverSold(sold, { method: 'GET', path })).toBe(said);
    expect(neverSold(sold, { method: 'POST', path })).toBe(true);
  });

  it.each<[string, PricedEndpoint[], string[]]>([
    ['alone', [own], []],
    ['from below a wider one', [wide, own], ['path']],
    ['from below one that waits', [price({ inForce: false }), own], []],
    ['that only waits', [wide, waiting], []],
  ])('taken away %s', (_, endpoints, said) => {
    expect(decideRemoval(of(...endpoints))).toEqual(said);
  });
});
